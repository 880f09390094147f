import type { Socket } from 'node:net';
import { TunnelError } from '../errors.ts';
import { formatEndpoint, type Endpoint } from '../net/endpoint.ts';
import type { OwnListeners } from '../net/own-listeners.ts';
import { authCommand, withoutSecret, type Credentials } from '../net/secret.ts';
import { isOfThisHost } from '../net/this-host.ts';
import { isTlsError, looksLikeTls, whyNoTls, type Access, type ClientTls } from '../net/tls.ts';
import {
  failureCodes,
  timedOut,
  tlsFailed,
  unreachable,
  whyNoFirstByte,
  type Peer,
} from './connection-errors.ts';
import { openSocket } from './open-socket.ts';
import { encodeCommand, ReplyDecoder, ReplyError, usualReply, type Reply, type ReplyLimits } from './resp.ts';

/** How to connect. */
export interface ConnectionOptions {
  /** Credentials and TLS; neither unless given. */
  readonly access?: Access;
  /** Closes the connection when it aborts. */
  readonly signal?: AbortSignal | undefined;
  /** Our own listeners: connecting to one of them fails. */
  readonly own?: OwnListeners | undefined;
  /** How long each reply may be. */
  readonly limits?: ReplyLimits;
  /** Who is expected to answer, for the codes of errors: a Redis server unless given. */
  readonly peer?: Peer;
}

/** The outcome of AUTH. */
export type Login =
  /** We have no credentials for this server. */
  | { readonly kind: 'none' }
  | { readonly kind: 'done' }
  /** The server requires no password, but one is configured. */
  | { readonly kind: 'needless' }
  /** `why` is the reply of the server, without the password. */
  | { readonly kind: 'refused'; readonly why: string };

/** A command that has been sent and not been answered. */
interface Pending {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: TunnelError) => void;
  readonly timer: NodeJS.Timeout;
  /** When its reply is late, on the monotonic clock. */
  readonly deadlineMs: number;
  readonly late: () => TunnelError;
}

/** A timer may fire up to a millisecond early, and late on a busy machine; in milliseconds. */
const clockSlackMs = 100;

/**
 * A connection of our own to a Redis server or a Sentinel, for commands and for subscriptions. Clients never use it.
 *
 * Replies match commands by order. A reply that misses its deadline ends the connection, so that a late reply is never
 * taken for the reply to another command. Nothing is unbounded: connecting and every reply have deadlines, and every
 * reply has a maximum length.
 */
export class Connection {
  readonly endpoint: Endpoint;
  readonly #peer: Peer;
  readonly #socket: Socket;
  readonly #decoder: ReplyDecoder;
  readonly #remoteAddress: string | undefined;
  #isRemote: boolean | undefined;
  readonly #pending: Pending[] = [];
  #onMessage: ((channel: string, payload: string) => void) | undefined;
  #ended: TunnelError | undefined;
  #onEnded: ((error: TunnelError) => void) | undefined;
  readonly #signal: AbortSignal | undefined;
  readonly #abort = (): void => {
    this.close();
  };
  /** The last reply, if it was an error: the reason for a close, as in "-ERR max number of clients reached". */
  #lastError: string | undefined;
  #hasReceived = false;
  #login: Login = { kind: 'none' };

  private constructor(
    endpoint: Endpoint,
    peer: Peer,
    socket: Socket,
    tls: ClientTls | undefined,
    signal: AbortSignal | undefined,
    limits: ReplyLimits,
  ) {
    this.endpoint = endpoint;
    this.#peer = peer;
    this.#socket = socket;
    this.#decoder = new ReplyDecoder(limits);
    this.#remoteAddress = socket.remoteAddress;
    this.#signal = signal;
    signal?.addEventListener('abort', this.#abort, { once: true });
    socket.on('data', (chunk: Buffer) => {
      this.#receive(chunk);
    });
    socket.on('error', (error) => {
      // With TLS 1.3 the server rejects our certificate after the handshake is complete on our side (RFC 8446 4.4.4).
      const isTls = tls && (isTlsError(error) || !this.#hasReceived);
      this.#end(isTls ? tlsFailed(endpoint, whyNoTls(error, tls, endpoint), error) : this.#broken(error));
    });
    socket.on('close', () => {
      const said = this.#lastError === undefined ? '' : `, having said: ${this.#lastError}`;
      this.#end(this.#failure('unreachable', `${formatEndpoint(endpoint)} closed the connection${said}`));
    });
  }

  /**
   * Connects, and sends AUTH if there are credentials. Refused credentials do not end the connection: see `login`.
   *
   * @param ms deadline for connecting and the TLS handshake together, and another one for the reply to AUTH, in milliseconds
   * @throws TunnelError `ST_…_UNREACHABLE`, `ST_…_TIMEOUT`, `ST_…_REPLY_INVALID`, `ST_TLS_FAILED` or `ST_CLOSED`
   */
  static async open(endpoint: Endpoint, ms: number, options: ConnectionOptions = {}): Promise<Connection> {
    const { access: { credentials, tls } = {}, signal, own, limits = usualReply, peer = 'redis' } = options;
    const connection = await openSocket(
      endpoint,
      { peer, ms, signal, tls, own },
      (socket) => new Connection(endpoint, peer, socket, tls, signal, limits),
    );
    if (credentials) connection.#login = await connection.#logIn(credentials, ms);
    return connection;
  }

  /** Whether the server runs on another host. */
  get isRemote(): boolean {
    // Computed once: every answer needs it, and listing the interfaces of a host takes 0.05 ms.
    return (this.#isRemote ??= this.#remoteAddress !== undefined && !isOfThisHost(this.#remoteAddress));
  }

  /** The outcome of AUTH. */
  get login(): Login {
    return this.#login;
  }

  /** @returns why the connection has ended; `undefined` while it is open */
  whyEnded(): TunnelError | undefined {
    return this.#ended;
  }

  /** Calls back once when the connection ends; at once if it has ended already. */
  onEnded(callback: (error: TunnelError) => void): void {
    if (this.#ended) callback(this.#ended);
    else this.#onEnded = callback;
  }

  /** Makes this a subscriber: published messages go to `callback`, every other reply answers a command. */
  onMessage(callback: (channel: string, payload: string) => void): void {
    this.#onMessage = callback;
  }

  /**
   * Sends a command, without waiting for the replies to earlier ones.
   *
   * @param ms deadline for the reply, in milliseconds; when it passes the connection ends
   * @returns the reply; an error reply is a `ReplyError`, not an exception
   * @throws TunnelError the reason for which the connection ended
   */
  send(command: readonly string[], ms: number): Promise<Reply> {
    return new Promise((resolve, reject) => {
      if (this.#ended) {
        reject(this.#ended);
        return;
      }
      const late = (): TunnelError =>
        timedOut(this.#peer, this.endpoint, `has not answered ${nameOf(command)}`, ms);
      const timer = setTimeout(() => {
        this.#end(late());
      }, ms);
      this.#pending.push({ resolve, reject, timer, deadlineMs: performance.now() + ms + clockSlackMs, late });
      this.#socket.write(encodeCommand(command));
    });
  }

  /** Ends the connection; unanswered commands fail with `ST_CLOSED`. */
  close(): void {
    this.#end(new TunnelError('ST_CLOSED', 'Closed'));
  }

  async #logIn(credentials: Credentials, ms: number): Promise<Login> {
    const reply = await this.send(authCommand(credentials), ms);
    if (reply === 'OK') return { kind: 'done' };
    // The reply is logged, and it may repeat the password.
    const why =
      reply instanceof ReplyError
        ? withoutSecret(reply.text, credentials.password.reveal())
        : 'its reply to AUTH is not valid';
    // "Client sent AUTH, but no password is set" until Redis 5.
    return /without any password configured|no password is set/.test(why)
      ? { kind: 'needless' }
      : { kind: 'refused', why };
  }

  /** A plain connection that breaks before the first byte may have reached a port that expects TLS. */
  #broken(error: Error): TunnelError {
    const more = this.#hasReceived ? '' : whyNoFirstByte(error);
    return unreachable(this.#peer, this.endpoint, error, more);
  }

  #receive(chunk: Buffer): void {
    if (this.#ended) return;
    if (!this.#hasReceived && looksLikeTls(chunk)) {
      this.#end(
        tlsFailed(this.endpoint, 'it answers in TLS, but tls is not configured: does this port want TLS?'),
      );
      return;
    }
    this.#hasReceived = true;
    let replies: Reply[];
    try {
      replies = this.#decoder.push(chunk);
    } catch (cause) {
      const what = cause instanceof Error ? cause.message : String(cause);
      this.#end(this.#failure('replyInvalid', `${formatEndpoint(this.endpoint)}: ${what}`, { cause }));
      return;
    }
    for (const reply of replies) if (!this.whyEnded()) this.#deliver(reply);
  }

  #deliver(reply: Reply): void {
    if (this.#onMessage && Array.isArray(reply) && reply[0] === 'message') {
      const [, channel, payload] = reply as readonly Reply[];
      if (typeof channel === 'string' && typeof payload === 'string') this.#onMessage(channel, payload);
      return;
    }
    const [pending] = this.#pending;
    this.#lastError = reply instanceof ReplyError ? reply.text : undefined;
    if (!pending) {
      // An error before a close, as in "-ERR max number of clients reached".
      const said = reply instanceof ReplyError ? reply.text : 'a reply to no command';
      this.#end(this.#failure('replyError', `${formatEndpoint(this.endpoint)} said: ${said}`));
      return;
    }
    if (performance.now() > pending.deadlineMs) {
      // This process was suspended: the reply waited past its deadline, and the timer has not fired yet.
      this.#end(pending.late());
      return;
    }
    this.#pending.shift();
    clearTimeout(pending.timer);
    pending.resolve(reply);
  }

  #failure(what: keyof (typeof failureCodes)[Peer], message: string, options?: ErrorOptions): TunnelError {
    return new TunnelError(failureCodes[this.#peer][what], message, options);
  }

  #end(error: TunnelError): void {
    if (this.#ended) return;
    this.#ended = error;
    this.#signal?.removeEventListener('abort', this.#abort);
    this.#socket.destroy();
    for (const { reject, timer } of this.#pending.splice(0)) {
      clearTimeout(timer);
      reject(error);
    }
    this.#onEnded?.(error);
  }
}

/** The first two words of a command for a message, and never the arguments of AUTH. */
function nameOf([name = '', subcommand]: readonly string[]): string {
  return name === 'AUTH' || subcommand === undefined ? name : `${name} ${subcommand}`;
}
