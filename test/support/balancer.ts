import { once } from 'node:events';
import { connect, createServer, type AddressInfo, type Server, type Socket } from 'node:net';
import { freePort } from './free-port.ts';

/** Where a connection may be led. */
export interface Target {
  readonly host: string;
  readonly port: number;
}

/** A load balancer: each connection to its one address is led to the next of its targets. */
export class Balancer implements AsyncDisposable {
  readonly host = '127.0.0.1';
  readonly port: number;
  readonly #server: Server;
  readonly #targets: readonly Target[];
  readonly #sockets = new Set<Socket>();
  #next = 0;

  /** @param targets may name one several times in a row: they are taken in order, over and over */
  static async start(targets: readonly Target[]): Promise<Balancer> {
    const server = createServer({ noDelay: true });
    server.listen(await freePort('127.0.0.1'), '127.0.0.1');
    await once(server, 'listening');
    return new Balancer(server, targets);
  }

  private constructor(server: Server, targets: readonly Target[]) {
    this.#server = server;
    this.#targets = targets;
    this.port = (server.address() as AddressInfo).port; // it listens on TCP
    server.on('connection', (socket) => {
      this.#lead(socket);
    });
  }

  /** `host:port`. */
  get seed(): string {
    return `${this.host}:${String(this.port)}`;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }

  #lead(client: Socket): void {
    const target = this.#targets[this.#next % this.#targets.length];
    this.#next += 1;
    if (!target) return;
    const upstream = connect({ host: target.host, port: target.port, noDelay: true });
    for (const [one, other] of [
      [client, upstream],
      [upstream, client],
    ] as const) {
      this.#sockets.add(one);
      one.on('error', () => one.destroy());
      one.once('close', () => {
        this.#sockets.delete(one);
        other.destroy();
      });
      one.pipe(other);
    }
  }
}
