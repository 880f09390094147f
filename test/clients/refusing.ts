import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** A port that leads to a server, and refuses a connection where it is told to: once the client has said something. */
export class Refusing implements AsyncDisposable {
  /** What a client of each connection so far said first. */
  readonly greetings: string[] = [];
  readonly #server: Server;
  readonly #upstreamPort: number;
  readonly #line: string;
  readonly #sockets = new Set<Socket>();
  readonly #served = new Set<Socket>();
  #refusals = 0;

  /** @param line what a refused client is told */
  static async start(upstreamPort: number, line: string): Promise<Refusing> {
    const refusing = new Refusing(upstreamPort, line);
    refusing.#server.listen(0, '127.0.0.1');
    await once(refusing.#server, 'listening');
    return refusing;
  }

  private constructor(upstreamPort: number, line: string) {
    this.#upstreamPort = upstreamPort;
    this.#line = line;
    this.#server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
      this.#accept(client);
    });
  }

  get port(): number {
    const address = this.#server.address();
    return typeof address === 'object' && address !== null ? address.port : 0;
  }

  /** Refuses the next connection, and only that one. */
  refuseNext(): void {
    this.#refusals = 1;
  }

  /** Resets the connections that are served, as a failover does. */
  cut(): void {
    for (const client of this.#served) client.resetAndDestroy();
  }

  #accept(client: Socket): void {
    this.#own(client);
    const isRefused = this.#refusals > 0;
    if (isRefused) this.#refusals -= 1;
    else this.#serve(client);
    client.once('data', (chunk: Buffer) => {
      this.greetings.push(chunk.toString());
      if (isRefused) client.end(this.#line);
    });
  }

  #serve(client: Socket): void {
    const upstream = connect({ port: this.#upstreamPort, host: '127.0.0.1', noDelay: true });
    this.#own(upstream);
    this.#served.add(client);
    client.pipe(upstream);
    upstream.pipe(client);
    client.once('close', () => {
      this.#served.delete(client);
      upstream.destroy();
    });
  }

  #own(socket: Socket): void {
    this.#sockets.add(socket);
    socket.on('error', () => undefined); // clients break off when they are killed
    socket.once('close', () => this.#sockets.delete(socket));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const closed = once(this.#server, 'close');
    this.#server.close();
    for (const socket of this.#sockets) socket.destroy();
    await closed;
  }
}
