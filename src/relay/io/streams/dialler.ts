import { connect, Socket } from 'node:net';
import type { Endpoint } from '../../../net/endpoint.ts';
import type { OwnListeners } from '../../../net/own-listeners.ts';
import { keepAliveIdleMs, noDelay } from '../../../net/socket-options.ts';
import { secure, type ClientTls } from '../../../net/tls.ts';
import type { Dial, Dialler, DialHandler } from '../connection.ts';
import { resetSocket, StreamsConnection } from './connection.ts';
import { descriptorShortage } from './descriptor-shortage.ts';

/**
 * Opens a socket. `ready` is called once when bytes may be written, never before this returns; a dial that fails
 * shows as the socket's `error`. With TLS, that is after the handshake.
 */
export type OpenSocket = (endpoint: Endpoint, tls: ClientTls | undefined, ready: () => void) => Socket;

/** Opens upstreams with `node:net` and `node:tls`. */
export class StreamsDialler implements Dialler {
  readonly #open: OpenSocket;
  readonly #opened: (socket: Socket) => void;

  /** @param opened called with every socket that it opens */
  constructor(open: OpenSocket, opened: (socket: Socket) => void) {
    this.#open = open;
    this.#opened = opened;
  }

  dial(endpoint: Endpoint, tls: ClientTls | undefined, handler: DialHandler): Dial {
    let isOver = false;
    const fail = (error: NodeJS.ErrnoException): void => {
      if (isOver) return;
      isOver = true;
      handler.dialFailed(error.code ?? error.name);
    };
    const socket = this.#open(endpoint, tls, () => {
      if (isOver) return;
      if (isSelfConnected(socket)) {
        socket.destroy(failure('ECONNREFUSED'));
        return;
      }
      isOver = true;
      handler.connected(new StreamsConnection(socket));
    });
    socket.on('error', fail);
    this.#opened(socket);
    return {
      abandon: () => {
        if (isOver) return;
        isOver = true;
        resetSocket(socket);
      },
    };
  }
}

/** Opens sockets to whatever is no listener of this process; names are looked up at each dial, and judged then. */
export function openOthersThan(own: OwnListeners): OpenSocket {
  return (endpoint, tls, ready) => {
    if (!tls) return openPlain(own, endpoint, ready);
    const bearer = openPlain(own, endpoint, () => undefined);
    if (bearer.destroyed) return bearer; // it was not even begun
    const socket = secure(bearer, endpoint, tls);
    // Node crashes where a TLS socket is destroyed from within this event (seen on 20.20.2), and the caller may do that.
    socket.once('secureConnect', () => setImmediate(ready));
    socket.once('close', () => bearer.destroy());
    return socket;
  };
}

function openPlain(own: OwnListeners, endpoint: Endpoint, ready: () => void): Socket {
  const { host, port } = endpoint;
  const objection = own.objection(endpoint);
  if (objection) return new Socket().destroy(objection);
  // One for the upstream, one that is left: a client has to be accepted before it can read why it is refused.
  const shortage = descriptorShortage(2);
  if (shortage !== undefined) return new Socket().destroy(failure(shortage));
  const socket = connect({
    host,
    port,
    lookup: own.lookupFor(port),
    allowHalfOpen: true,
    noDelay,
    keepAlive: true,
    keepAliveInitialDelay: keepAliveIdleMs,
  });
  socket.once('connect', ready);
  return socket;
}

/** An error as the system would give it. */
function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`Cannot connect (${code})`), { code });
}

/**
 * Whether TCP has connected a socket to itself. Dialling a local port that nobody listens on can do that when the port
 * is among the ephemeral ones and the kernel happens to choose it as the source (simultaneous open, RFC 9293 3.5).
 */
function isSelfConnected(socket: Socket): boolean {
  return socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress;
}
