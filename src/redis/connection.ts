import type { Socket } from 'node:net';

import { TunnelError } from '../errors.ts';
import { formatEndpoint, type Endpoint } from '../net/endpoint.ts';
import type { OwnListeners } from '../net/own-listeners.ts';
import { authCommand, withoutSecret, type Credentials } from '../net/secret.ts';
import { isTlsError, looksLikeTls, whyNoTls, type Access, type ClientTls } from '../net/tls.ts';
import { cannotReach, noTls, timedOut, wordless } from './connection-errors.ts';
import { openSocket } from './open-socket.ts';
import { isOfThisHost } from '../net/this-host.ts';
import { encodeCommand, ReplyDecoder, ReplyError, usualReply, type Reply, type ReplyLimits } from './resp.ts';

interface Asked {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: TunnelError) => void;
  readonly timer: NodeJS.Timeout;
  /** When its reply is late, on the monotonic clock. */
  readonly untilMs: number;
  readonly late: () => TunnelError;
}

/** What came of giving our credentials. */
export type Login =
  /** There are none to give. */
  | { readonly kind: 'none' }
  | { readonly kind: 'done' }
  /** The server has no password, and was given one. */
  | { readonly kind: 'needless' }
  /** `why` is what the server said, without the password. */
  | { readonly kind: 'refused'; readonly why: string };

/** A timer may ring up to a millisecond before its time, and late on a busy machine, in milliseconds. */
const clockSlackMs = 100;

/**
 * One connection of ours to a Sentinel or to a Redis server, for asking and for listening; never a client's.
 *
 * Replies belong to questions in order. A question that is not answered in time takes its connection with it, so a
 * late reply can never be taken for the answer to another question. Nothing it does is unbounded: connecting and
 * every reply have deadlines, replies have a greatest size.
 */
export class Connection {
  readonly endpoint: Endpoint;
  readonly #socket: Socket;
  readonly #decoder: ReplyDecoder;
  readonly #remoteAddress: string | undefined;
  #isRemote: boolean | undefined;
  readonly #asked: Asked[] = [];
  #onMessage: ((channel: string, payload: string) => void) | undefined;
  #ended: TunnelError | undefined;
  #onEnded: ((error: TunnelError) => void) | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => {
    this.close();
  };
  /** The last reply, where it was an error: why the other side closes, as in "-ERR max number of clients reached". */
  #complaint: string | undefined;
  #hasHeard = false;
  #login: Login = { kind: 'none' };

  private constructor(
    endpoint: Endpoint,
    socket: Socket,
    tls: ClientTls | undefined,
    signal: AbortSignal | undefined,
    limits: ReplyLimits,
  ) {
    this.endpoint = endpoint;
    this.#socket = socket;
    this.#decoder = new ReplyDecoder(limits);
    this.#remoteAddress = socket.remoteAddress;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort, { once: true });
    socket.on('data', (chunk: Buffer) => {
      this.#take(chunk);
    });
    socket.on('error', (error) => {
      // With TLS 1.3 a server says what it thinks of our certificate when the handshake is over for us (RFC 8446 4.4.4).
      const isTls = tls && (isTlsError(error) || !this.#hasHeard);
      this.#end(isTls ? noTls(endpoint, whyNoTls(error, tls, endpoint), error) : this.#broken(error));
    });
    socket.on('close', () => {
      const said = this.#complaint === undefined ? '' : `, having said: ${this.#complaint}`;
      this.#end(
        new TunnelError(
          'ST_SENTINEL_UNREACHABLE',
          `${formatEndpoint(endpoint)} closed the connection${said}`,
        ),
      );
    });
  }

  /**
   * Connects, and gives our credentials where there are any. That they are refused ends nothing: see `login`.
   *
   * @param ms deadline for connecting and for the TLS handshake, together, and another one for the reply to the
   *   credentials; in milliseconds
   * @param signal closes the connection, whenever it aborts
   * @param own where not to connect to: a connection to one of them fails as one that cannot be reached
   * @param limits how long its replies may be
   * @throws TunnelError `ST_SENTINEL_UNREACHABLE`, `ST_SENTINEL_TIMEOUT` or `ST_TLS_FAILED`
   */
  static async open(
    endpoint: Endpoint,
    ms: number,
    signal?: AbortSignal,
    { credentials, tls }: Access = {},
    own?: OwnListeners,
    limits = usualReply,
  ): Promise<Connection> {
    const take = (socket: Socket): Connection => new Connection(endpoint, socket, tls, signal, limits);
    const connection = await openSocket(endpoint, ms, signal, tls, own, take);
    if (credentials) connection.#login = await connection.#logIn(credentials, ms);
    return connection;
  }

  /** Whether the other side is on another host than this one. */
  get isRemote(): boolean {
    // Found out once: every answer needs it, and listing the interfaces of a host takes 0.05 ms.
    return (this.#isRemote ??= this.#remoteAddress !== undefined && !isOfThisHost(this.#remoteAddress));
  }

  /** What came of our credentials. */
  get login(): Login {
    return this.#login;
  }

  /** Why the connection is over; `undefined` while it is not. */
  whyEnded(): TunnelError | undefined {
    return this.#ended;
  }

  /** Calls back once when the connection is over, at once if it is already. */
  onEnded(callback: (error: TunnelError) => void): void {
    if (this.#ended) callback(this.#ended);
    else this.#onEnded = callback;
  }

  /** From here on this is a subscriber: published messages go to `callback`, everything else answers a question. */
  onMessage(callback: (channel: string, payload: string) => void): void {
    this.#onMessage = callback;
  }

  /**
   * Asks one question. Questions may be asked without waiting for earlier answers.
   *
   * @param ms deadline for the reply, in milliseconds; when it passes the whole connection ends
   * @throws TunnelError the reason for which the connection ended
   */
  ask(words: readonly string[], ms: number): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(this.#ended);
        return;
      }
      const late = (): TunnelError => timedOut(this.endpoint, `has not answered ${nameOf(words)}`, ms);
      const timer = setTimeout(() => {
        this.#end(late());
      }, ms);
      this.#asked.push({ resolve, reject, timer, untilMs: performance.now() + ms + clockSlackMs, late });
      this.#socket.write(encodeCommand(words));
    });
  }

  /** Ends the connection; questions in flight fail with `ST_CLOSED`. */
  close(): void {
    this.#end(new TunnelError('ST_CLOSED', 'Closed'));
  }

  async #logIn(credentials: Credentials, ms: number): Promise<Login> {
    const reply = await this.ask(authCommand(credentials), ms);
    if (reply === 'OK') return { kind: 'done' };
    // What a server says ends up in the log, and it might say what it was told.
    const why =
      reply instanceof ReplyError
        ? withoutSecret(reply.text, credentials.password.reveal())
        : 'its reply to AUTH makes no sense';
    // "Client sent AUTH, but no password is set" until Redis 5.
    return /without any password configured|no password is set/.test(why)
      ? { kind: 'needless' }
      : { kind: 'refused', why };
  }

  /** A plain connection that breaks before the first word of the other side may have met a port that wants TLS. */
  #broken(error: Error): TunnelError {
    return cannotReach(this.endpoint, error, this.#hasHeard ? '' : wordless(error));
  }

  #take(chunk: Buffer): void {
    if (this.#ended) return;
    if (!this.#hasHeard && looksLikeTls(chunk)) {
      this.#end(
        noTls(this.endpoint, 'it answers in TLS, and is spoken to without: is this not a plain port?'),
      );
      return;
    }
    this.#hasHeard = true;
    let replies: Reply[];
    try {
      replies = this.#decoder.push(chunk);
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      this.#end(
        new TunnelError('ST_SENTINEL_REPLY_INVALID', `${formatEndpoint(this.endpoint)}: ${what}`, { cause }),
      );
      return;
    }
    for (const reply of replies) if (!this.whyEnded()) this.#answer(reply);
  }

  #answer(reply: Reply): void {
    if (this.#onMessage && Array.isArray(reply) && reply[0] === 'message') {
      const [, channel, payload] = reply as readonly Reply[];
      if (typeof channel === 'string' && typeof payload === 'string') this.#onMessage(channel, payload);
      return;
    }
    const asked = this.#asked.shift();
    this.#complaint = reply instanceof ReplyError ? reply.text : undefined;
    if (asked && performance.now() > asked.untilMs) {
      // We have been stopped ourselves, and the reply has waited longer than its deadline, which has not rung yet.
      this.#asked.unshift(asked);
      this.#end(asked.late());
      return;
    }
    if (asked) {
      clearTimeout(asked.timer);
      asked.resolve(reply);
      return;
    }
    // Said unasked before a close, as in "-ERR max number of clients reached".
    const said = reply instanceof ReplyError ? reply.text : 'something nobody asked for';
    this.#end(new TunnelError('ST_SENTINEL_REPLY_ERROR', `${formatEndpoint(this.endpoint)} said: ${said}`));
  }

  #end(error: TunnelError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#socket.destroy();
    for (const { reject, timer } of this.#asked.splice(0)) {
      clearTimeout(timer);
      reject(error);
    }
    this.#onEnded?.(error);
  }
}

/** A command for a message: its first words, and never what stands after AUTH. */
function nameOf([command = '', sub]: readonly string[]): string {
  return command === 'AUTH' || sub === undefined ? command : `${command} ${sub}`;
}
