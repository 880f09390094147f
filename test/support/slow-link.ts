import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';

/** What has come from the target, and when it is to be passed on. */
interface Late {
  readonly atMs: number;
  readonly to: Socket;
  readonly bytes: Buffer;
}

/**
 * Leads each connection to one server, and passes on what the server sends only after a delay. A replica that follows its
 * master through it is behind by so much. Nothing that the server gets is delayed.
 */
export class SlowLink implements AsyncDisposable {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #late: Late[] = [];
  readonly #delayMs: number;
  #timer: NodeJS.Timeout | undefined;
  #isPaused = false;

  static async start(targetPort: number, delayMs: number): Promise<SlowLink> {
    const server = createServer({ noDelay: true });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new SlowLink(server, targetPort, delayMs);
  }

  private constructor(server: Server, targetPort: number, delayMs: number) {
    this.#server = server;
    this.#delayMs = delayMs;
    this.port = (server.address() as AddressInfo).port; // it listens on TCP
    server.on('connection', (client) => {
      const upstream = connect({ host: this.host, port: targetPort, noDelay: true });
      this.#own(client, upstream);
      this.#own(upstream, client);
      client.pipe(upstream);
      upstream.on('data', (bytes: Buffer) => {
        this.#late.push({ atMs: performance.now() + this.#delayMs, to: client, bytes });
        this.#passOn();
      });
    });
  }

  /** Passes nothing on until `resume`. */
  pause(): void {
    this.#isPaused = true;
  }

  resume(): void {
    this.#isPaused = false;
    this.#passOn();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isPaused = true;
    clearTimeout(this.#timer);
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #own(socket: Socket, other: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => socket.destroy());
    socket.once('close', () => {
      this.#sockets.delete(socket);
      other.destroy();
    });
  }

  #passOn(): void {
    clearTimeout(this.#timer);
    if (this.#isPaused) return;
    const nowMs = performance.now();
    for (let next = this.#late[0]; next && next.atMs <= nowMs; next = this.#late[0]) {
      this.#late.shift();
      if (!next.to.destroyed) next.to.write(next.bytes);
    }
    const [first] = this.#late;
    if (!first) return;
    this.#timer = setTimeout(() => {
      this.#passOn();
    }, first.atMs - nowMs);
  }
}
