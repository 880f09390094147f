import { createConnection, type Socket } from 'node:net';
import { connect as connectSecurely } from 'node:tls';
import { patienceMs } from './eventually.ts';
import { encodeCommand, ReplyError, RespDecoder, type Argument, type Reply } from './resp.ts';

/** Who ended a connection: `fin`: the other side, in order; `reset`: by a reset; `local`: this side. */
export type Ending = 'fin' | 'reset' | 'local';

/** PEM. The server's certificate has to be for `localhost`. */
export interface ClientTls {
  readonly ca: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface ConnectOptions {
  readonly tls?: ClientTls;
  readonly host?: string;
  /** A file name of a Unix socket, instead of the port. */
  readonly path?: string;
  /** Deadline of the connect and of each reply, in milliseconds; `patienceMs` without it. */
  readonly deadlineMs?: number;
}

interface Waiter {
  readonly resolve: (reply: Reply) => void;
  readonly reject: (error: Error) => void;
}

/** A raw client: it sends what it is told, reads replies in their order, and never reconnects. */
export class RespClient implements AsyncDisposable {
  /** Resolves when the other side ends the connection, or this one closes it. Never rejects. */
  readonly closed: Promise<Ending>;
  readonly socket: Socket;
  readonly #deadlineMs: number;
  readonly #decoder = new RespDecoder();
  readonly #replies: Reply[] = [];
  readonly #waiters: Waiter[] = [];
  #ending: Ending | undefined;
  #bytesRead = 0;

  static async connect(port: number, options: ConnectOptions = {}): Promise<RespClient> {
    const { host = '127.0.0.1', path, deadlineMs = patienceMs } = options;
    const plain = createConnection({
      ...(path === undefined ? { host, port } : { path }),
      allowHalfOpen: true,
    });
    const { tls } = options;
    const socket = tls ? connectSecurely({ ...tls, socket: plain, servername: 'localhost' }) : plain;
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(() => {
        socket.destroy(new Error(`No connection to ${path ?? `${host}:${port}`} within ${deadlineMs} ms`));
      }, deadlineMs);
      socket.once(tls ? 'secureConnect' : 'connect', () => {
        clearTimeout(timer);
        socket.off('error', reject);
        resolve();
      });
      socket.once('error', reject);
      socket.once('close', () => {
        plain.destroy(); // which a TLS socket that fails leaves open
        clearTimeout(timer);
      });
    });
    return new RespClient(socket, deadlineMs);
  }

  private constructor(socket: Socket, deadlineMs: number) {
    this.socket = socket;
    this.#deadlineMs = deadlineMs;
    socket.setNoDelay(true);
    socket.on('data', (chunk) => {
      this.#receive(chunk);
    });
    this.closed = new Promise((resolve) => {
      const settle = (ending: Ending): void => {
        this.#ending ??= ending;
        this.#failWaiters();
        resolve(this.#ending);
      };
      socket.once('end', () => {
        settle('fin');
        socket.end();
      });
      socket.on('error', () => {
        settle('reset'); // a reset, or a write to a socket that was reset: the way a connection is cut
      });
      socket.once('close', () => {
        settle('local');
      });
    });
  }

  /** How the connection ended; undefined while it is open. */
  get ending(): Ending | undefined {
    return this.#ending;
  }

  get bytesRead(): number {
    return this.#bytesRead;
  }

  /** Sends a command and waits for its reply. @throws ReplyError when the reply is an error line */
  async command(...args: Argument[]): Promise<Reply> {
    this.write(encodeCommand(args));
    const reply = await this.readReply();
    if (reply instanceof ReplyError) throw reply;
    return reply;
  }

  /** Sends bytes as they are. */
  write(raw: string | Uint8Array): void {
    this.socket.write(raw);
  }

  /** The next reply, error lines as values. */
  readReply(withinMs = this.#deadlineMs): Promise<Reply> {
    const ready = this.#replies.shift();
    if (ready !== undefined) return Promise.resolve(ready);
    return new Promise((resolve, reject) => {
      const waiter: Waiter = {
        resolve: (reply) => {
          clearTimeout(timer);
          resolve(reply);
        },
        reject: (error) => {
          clearTimeout(timer);
          reject(error);
        },
      };
      const timer = setTimeout(() => {
        this.#waiters.splice(this.#waiters.indexOf(waiter), 1);
        reject(new Error(`No reply within ${withinMs} ms`));
      }, withinMs);
      this.#waiters.push(waiter);
      if (this.#ending !== undefined) this.#failWaiters();
    });
  }

  /** Closes this side for writing; replies can still come. */
  end(): void {
    this.socket.end();
  }

  /** Closes at once with a reset instead of a FIN. */
  reset(): void {
    this.socket.resetAndDestroy();
  }

  async close(): Promise<void> {
    this.socket.destroy();
    await this.closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #receive(chunk: Buffer): void {
    this.#bytesRead += chunk.length;
    let replies: Reply[];
    try {
      replies = this.#decoder.push(chunk);
    } catch (error) {
      this.socket.destroy(error instanceof Error ? error : undefined);
      return;
    }
    for (const reply of replies) {
      const waiter = this.#waiters.shift();
      if (waiter) waiter.resolve(reply);
      else this.#replies.push(reply);
    }
  }

  #failWaiters(): void {
    for (const waiter of this.#waiters.splice(0)) {
      waiter.reject(new Error(`The connection ended (${this.#ending ?? 'open'}) before a reply`));
    }
  }
}
