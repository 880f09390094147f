import { connect, Socket } from 'node:net';
import type { Endpoint } from '../../../net/endpoint.ts';
import type { OwnListeners } from '../../../net/own-listeners.ts';
import { secure, type ClientTls } from '../../../net/tls.ts';
import { keepAliveIdleMs, noDelay } from '../../../net/socket-options.ts';
import { descriptorShortage } from './descriptors.ts';

/**
 * Opens an upstream. `ready` is called once when bytes may be written, never before `Dial` returns; a dial that fails
 * shows as the socket's `error`. With TLS, that is after the handshake.
 */
export type Dial = (endpoint: Endpoint, tls: ClientTls | undefined, ready: () => void) => Socket;

/** Dials whatever is no listener of this process; its names are looked up at each dial, and judged then. */
export function dialOthersThan(own: OwnListeners): Dial {
  return (endpoint, tls, ready) => dial(own, endpoint, tls, ready);
}

function dial(own: OwnListeners, endpoint: Endpoint, tls: ClientTls | undefined, ready: () => void): Socket {
  if (!tls) return dialPlain(own, endpoint, ready);
  const bearer = dialPlain(own, endpoint, () => undefined);
  if (bearer.destroyed) return bearer; // it was not even begun
  const socket = secure(bearer, endpoint, tls);
  socket.once('secureConnect', ready);
  socket.once('close', () => bearer.destroy());
  return socket;
}

function dialPlain(own: OwnListeners, endpoint: Endpoint, ready: () => void): Socket {
  const { host, port } = endpoint;
  const objection = own.objection(endpoint);
  if (objection) return new Socket().destroy(objection);
  // One for the upstream, one to be left: to tell a client why it is turned away it has to be accepted.
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
export function failure(code: string): NodeJS.ErrnoException {
  return Object.assign(new Error(`Cannot connect (${code})`), { code });
}

/**
 * Whether TCP has connected a socket to itself. Dialling a local port that nobody listens on can do that when the port
 * is among the ephemeral ones and the kernel happens to choose it as the source (simultaneous open, RFC 9293 3.5).
 */
export function isSelfConnected(socket: Socket): boolean {
  return socket.localPort === socket.remotePort && socket.localAddress === socket.remoteAddress;
}
