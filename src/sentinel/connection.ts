import { connect, type Socket } from 'node:net';

import { TunnelError } from '../errors.ts';
import { errnoWords } from '../net/errno.ts';
import { formatEndpoint, type Endpoint } from '../net/endpoint.ts';
import type { OwnListeners } from '../net/own-listeners.ts';
import { authCommand, withoutSecret, type Credentials } from '../net/secret.ts';
import {
  isTlsError,
  looksLikeTls,
  secure,
  tlsFailure,
  whyNoTls,
  type Access,
  type ClientTls,
} from '../net/tls.ts';
import { encodeCommand, ReplyDecoder, ReplyError, type Reply } from './resp.ts';

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
  readonly #decoder = new ReplyDecoder();
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
  ) {
    this.endpoint = endpoint;
    this.#socket = socket;
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
   * @throws TunnelError `ST_SENTINEL_UNREACHABLE`, `ST_SENTINEL_TIMEOUT` or `ST_TLS_FAILED`
   */
  static async open(
    endpoint: Endpoint,
    ms: number,
    signal?: AbortSignal,
    { credentials, tls }: Access = {},
    own?: OwnListeners,
  ): Promise<Connection> {
    const connection = await Connection.#connect(endpoint, ms, signal, tls, own);
    if (credentials) connection.#login = await connection.#logIn(credentials, ms);
    return connection;
  }

  static #connect(
    endpoint: Endpoint,
    ms: number,
    signal: AbortSignal | undefined,
    tls: ClientTls | undefined,
    own: OwnListeners | undefined,
  ): Promise<Connection> {
    const objection = own?.objection(endpoint);
    if (objection) return Promise.reject(cannotReach(endpoint, objection));
    return new Promise((resolve, reject) => {
      const { host, port } = endpoint;
      const lookup = own && { lookup: own.lookupFor(port) };
      const plain = connect({ host, port, noDelay: true, keepAlive: true, ...lookup });
      let isConnected = false;
      plain.once('connect', () => {
        isConnected = true;
      });
      const socket = tls ? secure(plain, endpoint, tls) : plain;
      const settle = (error?: TunnelError): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', stop);
        socket.off('error', refused);
        if (!error) {
          resolve(new Connection(endpoint, socket, tls, signal));
          return;
        }
        socket.on('error', () => undefined); // it is being destroyed; whatever else it says is of no interest
        socket.destroy();
        plain.destroy();
        reject(error);
      };
      const stop = (): void => {
        settle(new TunnelError('ST_CLOSED', 'Closed while connecting'));
      };
      const refused = (error: Error): void => {
        settle(
          tls && isConnected
            ? noTls(endpoint, whyNoTls(error, tls, endpoint), error)
            : cannotReach(endpoint, error, wordless(error)),
        );
      };
      const timer = setTimeout(() => {
        settle(
          tls && isConnected
            ? noTls(endpoint, `no handshake within ${String(ms)} ms: is this a TLS port?`)
            : timedOut(endpoint, 'has not accepted a connection', ms),
        );
      }, ms);
      socket.once('error', refused);
      socket.once(tls ? 'secureConnect' : 'connect', () => {
        settle();
      });
      if (signal?.aborted) stop();
      else signal?.addEventListener('abort', stop, { once: true });
    });
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

/** The same whether the reset comes while we connect or just afterwards: that is a matter of chance. */
function wordless(error: Error): string {
  const isReset = 'code' in error && error.code === 'ECONNRESET';
  return isReset ? ' before it said anything: does this port want TLS?' : '';
}

function cannotReach(endpoint: Endpoint, error: Error, more = ''): TunnelError {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.message;
  return new TunnelError(
    'ST_SENTINEL_UNREACHABLE',
    `Cannot reach ${formatEndpoint(endpoint)}: ${errnoWords(code)}${more}`,
    { cause: error },
  );
}

function noTls(endpoint: Endpoint, why: string, cause?: Error): TunnelError {
  return new TunnelError('ST_TLS_FAILED', tlsFailure(endpoint, why), { cause });
}

/** A command for a message: its first words, and never what stands after AUTH. */
function nameOf([command = '', sub]: readonly string[]): string {
  return command === 'AUTH' || sub === undefined ? command : `${command} ${sub}`;
}

function timedOut(endpoint: Endpoint, what: string, ms: number): TunnelError {
  return new TunnelError(
    'ST_SENTINEL_TIMEOUT',
    `${formatEndpoint(endpoint)} ${what} within ${String(ms)} ms`,
  );
}
