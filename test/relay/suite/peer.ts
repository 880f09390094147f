import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';
import type { ListenAddress } from '../../../src/net/endpoint.ts';
import { eventually } from '../../kit/index.ts';

/** One end of a connection, with all that came in. It never ends its own side by itself. */
export class Peer implements AsyncDisposable {
  readonly socket: Socket;
  readonly chunks: Buffer[] = [];
  received = 0;
  /** `fin` or `reset` once the other side has ended. */
  ending: 'fin' | 'reset' | undefined;

  constructor(socket: Socket, onData?: (peer: Peer, chunk: Buffer) => void) {
    this.socket = socket;
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
    const socket = connect({
      ...(address.kind === 'unix' ? { path: address.path } : { host: address.host, port: address.port }),
      allowHalfOpen: true,
      noDelay: true,
    });
    await once(socket, 'connect');
    return new Peer(socket, onData);
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
    this.socket.resetAndDestroy();
  }

  /** Waits until what came in so far contains a text. */
  async says(text: string, withinMs = 5000): Promise<void> {
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
  ended(withinMs = 5000): Promise<'fin' | 'reset'> {
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
    server.on('connection', (socket) => {
      this.peers.push(new Peer(socket, onData));
      if (endsToo) socket.on('end', () => socket.end());
    });
  }

  /** The connection number `index`, as soon as it is there. */
  peer(index = 0): Promise<Peer> {
    return eventually(() => this.peers[index], { withinMs: 5000, everyMs: 2 });
  }

  async close(): Promise<void> {
    const closed = new Promise((resolve) => {
      this.#server.close(resolve);
    });
    for (const { socket } of this.peers) socket.destroy();
    await closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }
}
