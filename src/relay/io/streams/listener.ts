import { once } from 'node:events';
import { createServer, type Server, type Socket } from 'node:net';
import type { ListenerConfig } from '../../../config/types.ts';
import { TunnelError } from '../../../errors.ts';
import { Backoff } from '../../../lifecycle/backoff.ts';
import { formatListenAddress, type ListenAddress } from '../../../net/endpoint.ts';
import { whyNotListening } from '../../../net/errno.ts';
import { names } from '../../../net/names.ts';
import { keepAliveIdleMs, listenBacklog, noDelay } from '../../../net/socket-options.ts';
import { AllowList, notAllowedLine } from '../../../net/allow-list.ts';
import type { Permits } from '../../../lifecycle/permits.ts';
import { refusalLine } from '../../../net/refusal-reply.ts';
import { descriptorsAreTaken, descriptorsPerClient } from '../descriptors.ts';
import { firstPauseMs, longestPauseMs } from '../times.ts';
import {
  abandon,
  claim,
  prepareClaim,
  release,
  temporaryPath,
  type SocketFile,
} from '../../../net/socket-file.ts';
import { descriptorShortage } from './descriptor-shortage.ts';
import { TlsAcceptor } from './tls-acceptor.ts';

/** What happens at a listener. */
export interface ListenerCallbacks {
  accepted(socket: Socket): void;
  /** A client was turned away, and why. */
  turnedAway(reason: string): void;
  /** A connection could not be accepted, or had to be turned away for want of descriptors. */
  acceptFailed(): void;
  paused(address: ListenAddress, code: string): void;
  resumed(address: ListenAddress): void;
  /** It no longer listens. */
  stopped(): void;
}

/** One listening socket. While descriptors are short it turns connections away and says so to each. */
export class Listener {
  readonly address: ListenAddress;
  readonly #server: Server;
  readonly #descriptors: Permits;
  readonly #callbacks: ListenerCallbacks;
  readonly #allow: AllowList | undefined;
  #file: SocketFile | undefined;
  readonly #backoff = new Backoff(firstPauseMs, longestPauseMs);
  #look: NodeJS.Timeout | undefined;
  #pausedBy: string | undefined;
  /** How many clients have been accepted so far, for whatever end. */
  #accepted = 0;
  #stopping: Promise<void> | undefined;
  readonly #closed: Promise<unknown>;
  readonly #tlsAcceptor: TlsAcceptor | undefined;

  /**
   * @param handed the descriptor of a socket that listens already
   * @throws TunnelError `ST_LISTEN_FAILED`
   */
  static async open(
    listener: ListenerConfig,
    handed: number | undefined,
    descriptors: Permits,
    callbacks: ListenerCallbacks,
  ): Promise<Listener> {
    const { address } = listener;
    // The file of a socket that was handed over belongs to the process that bound it.
    const isOurFile = address.kind === 'unix' && handed === undefined;
    // Half-open: a client that has sent its last command still waits for the reply.
    const server = createServer({
      allowHalfOpen: true,
      noDelay,
      keepAlive: true,
      keepAliveInitialDelay: keepAliveIdleMs,
    });
    try {
      if (isOurFile) await prepareClaim(address.path);
      const own =
        address.kind === 'unix'
          ? { path: temporaryPath(address.path) }
          : { host: await names.addressOf(address.host), port: address.port };
      const where = handed === undefined ? own : { fd: handed };
      server.listen({ ...where, backlog: listenBacklog, exclusive: true });
      await once(server, 'listening');
      // Made before the socket takes its place: clients may connect from that moment on.
      const opened = new Listener(bound(server, address), listener, server, descriptors, callbacks);
      if (isOurFile) opened.#file = await claim(address.path, listener);
      return opened;
    } catch (cause) {
      server.close();
      if (isOurFile) await abandon(address.path);
      throw new TunnelError(
        'ST_LISTEN_FAILED',
        `Cannot listen on "${formatListenAddress(address)}": ${whyNotListening(cause)}`,
        { cause },
      );
    }
  }

  private constructor(
    address: ListenAddress,
    { allow, tls }: ListenerConfig,
    server: Server,
    descriptors: Permits,
    callbacks: ListenerCallbacks,
  ) {
    this.address = address;
    this.#allow = AllowList.of(allow);
    this.#server = server;
    this.#descriptors = descriptors;
    this.#callbacks = callbacks;
    this.#tlsAcceptor =
      tls &&
      new TlsAcceptor(tls, {
        secured: (socket) => {
          callbacks.accepted(socket);
        },
        refused: (reason) => {
          callbacks.turnedAway(reason);
        },
      });
    this.#closed = new Promise((resolve) => server.once('close', resolve));
    server.on('connection', (socket) => {
      this.#accept(socket);
    });
    server.on('error', (error: NodeJS.ErrnoException) => {
      callbacks.acceptFailed();
      this.#pause(error.code ?? error.name);
    });
  }

  /** Other certificates and names, for clients from now on. What had no TLS gets none by it. */
  renew({ tls }: ListenerConfig): void {
    if (tls) this.#tlsAcceptor?.renew(tls);
  }

  /**
   * Stops listening, once every client that has connected is accepted: closing would reset the others. Resolves when the address is
   * free. The sockets that it accepted go on.
   */
  stop(): Promise<void> {
    this.#stopping ??= this.#acceptBacklog().then(() => this.#stop());
    return this.#stopping;
  }

  /** Stops listening at once; resolves when every socket it accepted has closed too. */
  async close(): Promise<void> {
    this.#stopping ??= this.#stop();
    await this.#stopping;
    this.#tlsAcceptor?.close();
    await this.#closed;
  }

  /** Lets the event loop turn until nobody has come; a flood of clients does not keep it open. */
  async #acceptBacklog(): Promise<void> {
    const end = this.#accepted + listenBacklog;
    for (let before = -1; before !== this.#accepted && before < end;) {
      before = this.#accepted;
      await turn();
      await turn(); // the first may have looked for connections already
    }
  }

  async #stop(): Promise<void> {
    clearTimeout(this.#look);
    this.#server.close();
    this.#callbacks.stopped();
    if (this.#file) await release(this.#file);
  }

  #accept(socket: Socket): void {
    this.#accepted += 1;
    const objection = this.#allow?.objection(socket.remoteAddress);
    if (objection !== undefined) {
      this.#callbacks.turnedAway(objection);
      this.#sayAndClose(socket, notAllowedLine);
      return;
    }
    if (!this.#descriptors.take(descriptorsPerClient)) {
      const reason = descriptorsAreTaken(this.#descriptors.most);
      this.#callbacks.turnedAway(reason);
      this.#sayAndClose(socket, refusalLine(reason));
      return;
    }
    // What was dialled for it is closed before it, but where a server takes nothing any more.
    socket.once('close', () => {
      this.#descriptors.give(descriptorsPerClient);
    });
    // The next `accept` needs one, or libuv closes that connection without a word.
    const code = descriptorShortage(1);
    if (code !== undefined) this.#pause(code);
    if (this.#pausedBy === undefined) {
      if (this.#tlsAcceptor) this.#tlsAcceptor.take(socket);
      else this.#callbacks.accepted(socket);
    } else this.#turnAway(socket, this.#pausedBy);
  }

  #turnAway(socket: Socket, code: string): void {
    this.#callbacks.acceptFailed();
    this.#sayAndClose(socket, refusalLine(`cannot accept connections now (${code})`));
  }

  /**
   * Written and closed at once, before the next `accept`, which may need the descriptor. To a client that speaks TLS a line
   * before the handshake would be a broken record, and no reason: it is closed without a word.
   */
  #sayAndClose(socket: Socket, line: string): void {
    socket.on('error', () => undefined); // it may have gone already; nothing is owed to it
    if (!this.#tlsAcceptor) socket.write(line);
    socket.destroy();
  }

  #pause(code: string): void {
    if (this.#pausedBy !== undefined || this.#stopping) return;
    this.#pausedBy = code;
    this.#callbacks.paused(this.address, code);
    this.#lookLater();
  }

  #lookLater(): void {
    this.#look = setTimeout(() => {
      // Both sockets of a session, and one for the next connection.
      if (descriptorShortage(3) !== undefined) {
        this.#lookLater();
        return;
      }
      this.#pausedBy = undefined;
      this.#backoff.reset();
      this.#callbacks.resumed(this.address);
    }, this.#backoff.next());
  }
}

function bound(server: Server, asked: ListenAddress): ListenAddress {
  const address = server.address();
  if (asked.kind === 'unix' || address === null || typeof address === 'string') return asked;
  return { kind: 'tcp', host: address.address, port: address.port };
}

/** Resolves in the next turn of the event loop. */
function turn(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}
