import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import { connect as connectSecurely, createSecureContext, TLSSocket } from 'node:tls';
import type { Issued } from '../../support/index.ts';
import type { ListenAddress } from '../../../src/net/endpoint.ts';
import { eventually, patienceMs } from '../../support/index.ts';

/** What clients and servers of the suite speak, in the process that it runs in: TLS where this is set. */
interface Secured {
  readonly ca: string;
  readonly server: Issued;
}

let secured: Secured | undefined;

/** From here on every client and every server of this process speaks TLS. */
export function speakTls(how: Secured): void {
  secured = how;
}

export function spokenTls(): Secured | undefined {
  return secured;
}

/** One end of a connection, with all that came in. It never ends its own side by itself. */
export class Peer implements AsyncDisposable {
  readonly socket: Socket;
  /** The TCP socket, under TLS or not. */
  readonly #bearer: Socket;
  readonly chunks: Buffer[] = [];
  received = 0;
  /** `fin` or `reset` once the other side has ended. */
  ending: 'fin' | 'reset' | undefined;

  constructor(socket: Socket, onData?: (peer: Peer, chunk: Buffer) => void, bearer = socket) {
    this.socket = socket;
    this.#bearer = bearer;
    socket.on('data', (chunk: Buffer) => {
      this.received += chunk.length;
      if (onData) onData(this, chunk);
      else this.chunks.push(chunk);
    });
    socket.on('end', () => {
      this.ending ??= 'fin';
    });
    socket.on('error', () => {
      this.ending ??= 'reset';
    });
    socket.on('close', () => {
      this.ending ??= 'reset';
    });
  }

  static async connect(address: ListenAddress, onData?: (peer: Peer, chunk: Buffer) => void): Promise<Peer> {
    const bearer = connect({
      ...(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }),
      allowHalfOpen: true,
      noDelay: true,
    });
    if (!secured) {
      await once(bearer, 'connect');
      return new Peer(bearer, onData);
    }
    const socket = connectSecurely({ socket: bearer, ca: secured.ca, servername: 'localhost' });
    socket.once('close', () => bearer.destroy());
    await once(socket, 'secureConnect');
    return new Peer(socket, onData, bearer);
  }

  get text(): string {
    return Buffer.concat(this.chunks).toString('latin1');
  }

  send(bytes: string | Uint8Array): void {
    this.socket.write(bytes);
  }

  end(): void {
    this.socket.end();
  }

  reset(): void {
    this.#bearer.resetAndDestroy();
    this.socket.destroy();
  }

  /** Waits until what came in so far contains a text. */
  async says(text: string, withinMs = patienceMs): Promise<void> {
    await eventually(
      () => {
        if (this.text.includes(text)) return true;
        throw new Error(
          `${JSON.stringify(this.text.slice(0, 300))}${this.ending ? `, then ${this.ending}` : ''}`,
        );
      },
      { withinMs, everyMs: 5 },
    );
  }

  /** Waits until the other side has ended, and gives how. */
  ended(withinMs = patienceMs): Promise<'fin' | 'reset'> {
    return eventually(() => this.ending, { withinMs, everyMs: 2 });
  }

  async close(): Promise<void> {
    if (this.socket.closed) return;
    const closed = new Promise((resolve) => this.socket.once('close', resolve));
    this.socket.destroy();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

/** A server in this process, in the place of Redis. */
export class Upstream implements AsyncDisposable {
  readonly peers: Peer[] = [];
  readonly #server: Server;
  readonly #bearers = new Set<Socket>();
  readonly port: number;

  /** @param onData what it does with bytes; without it they are kept */
  static async start(
    onData?: (peer: Peer, chunk: Buffer) => void,
    { port = 0, endsToo = false } = {},
  ): Promise<Upstream> {
    const server = createServer({ allowHalfOpen: true, noDelay: true });
    server.listen({ host: '127.0.0.1', port, backlog: 2048 });
    await once(server, 'listening');
    return new Upstream(server, onData, endsToo);
  }

  /** One that gives back what it gets, and ends when the other side does. */
  static echo(port = 0): Promise<Upstream> {
    return Upstream.start((peer, chunk) => peer.socket.write(chunk), { port, endsToo: true });
  }

  /** One that answers whatever it is sent with a text. */
  static answering(text: string): Promise<Upstream> {
    return Upstream.start((peer) => peer.socket.write(text), { endsToo: true });
  }

  private constructor(
    server: Server,
    onData: ((peer: Peer, chunk: Buffer) => void) | undefined,
    endsToo: boolean,
  ) {
    this.#server = server;
    const address = server.address();
    this.port = typeof address === 'object' && address !== null ? address.port : 0;
    const serve = (socket: Socket, bearer: Socket): void => {
      this.peers.push(new Peer(socket, onData, bearer));
      if (endsToo) socket.on('end', () => socket.end());
    };
    server.on('connection', (bearer) => {
      this.#bearers.add(bearer);
      bearer.once('close', () => this.#bearers.delete(bearer));
      if (!secured) {
        serve(bearer, bearer);
        return;
      }
      const socket = new TLSSocket(bearer, { isServer: true, secureContext: contextOf(secured) });
      socket.on('error', () => bearer.destroy());
      socket.once('secure', () => {
        serve(socket, bearer);
      });
    });
  }

  /** The connection number `index`, as soon as it is there. */
  peer(index = 0): Promise<Peer> {
    return eventually(() => this.peers[index], { withinMs: patienceMs, everyMs: 2 });
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => {
      this.#server.close(resolve);
    });
    for (const { socket } of this.peers) socket.destroy();
    for (const bearer of this.#bearers) bearer.destroy();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}

function contextOf({ server: { cert, key } }: Secured): ReturnType<typeof createSecureContext> {
  return createSecureContext({ cert, key });
}
