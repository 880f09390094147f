import { connect, type Socket } from 'node:net';
import { TunnelError } from '../errors.ts';
import type { Endpoint } from '../net/endpoint.ts';
import { lookupAny } from '../net/names.ts';
import type { OwnListeners } from '../net/own-listeners.ts';
import { secure, whyNoTls, type ClientTls } from '../net/tls.ts';
import { timedOut, tlsFailed, unreachable, whyNoFirstByte, type Peer } from './connection-errors.ts';

/** How a socket is opened. */
export interface SocketOptions {
  /** Who is expected to answer, for the codes of errors. */
  readonly peer: Peer;
  /** Deadline for connecting and for the TLS handshake together, in milliseconds. */
  readonly ms: number;
  /** Stops connecting when it aborts. */
  readonly signal: AbortSignal | undefined;
  /** A plain connection where it is `undefined`. */
  readonly tls: ClientTls | undefined;
  /** Our own listeners: connecting to one of them fails. */
  readonly own: OwnListeners | undefined;
}

/**
 * Connects, and does the TLS handshake where `tls` is given.
 *
 * @param take gets the socket in the same turn of the event loop, so that no byte of the server is missed
 * @returns what `take` returns
 * @throws TunnelError `ST_…_UNREACHABLE`, `ST_…_TIMEOUT`, `ST_TLS_FAILED` or `ST_CLOSED`
 */
export function openSocket<T>(
  endpoint: Endpoint,
  { peer, ms, signal, tls, own }: SocketOptions,
  take: (socket: Socket) => T,
): Promise<T> {
  const objection = own?.objection(endpoint);
  if (objection) return Promise.reject(unreachable(peer, endpoint, objection));
  return new Promise((resolve, reject) => {
    const { host, port } = endpoint;
    const lookup = own?.lookupFor(port) ?? lookupAny;
    const plain = connect({ host, port, noDelay: true, keepAlive: true, lookup });
    let isConnected = false;
    plain.once('connect', () => {
      isConnected = true;
    });
    const socket = tls ? secure(plain, endpoint, tls) : plain;
    const settle = (error?: TunnelError): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', abort);
      socket.off('error', failed);
      if (!error) {
        resolve(take(socket));
        return;
      }
      socket.on('error', () => undefined); // the socket is destroyed, and the first error is reported already
      socket.destroy();
      plain.destroy();
      reject(error);
    };
    const abort = (): void => {
      settle(new TunnelError('ST_CLOSED', 'Closed while connecting'));
    };
    const failed = (error: Error): void => {
      settle(
        tls && isConnected
          ? tlsFailed(endpoint, whyNoTls(error, tls, endpoint), error)
          : unreachable(peer, endpoint, error, whyNoFirstByte(error)),
      );
    };
    const timer = setTimeout(() => {
      settle(
        tls && isConnected
          ? tlsFailed(endpoint, `no handshake within ${String(ms)} ms: is this a TLS port?`)
          : timedOut(peer, endpoint, 'has not accepted a connection', ms),
      );
    }, ms);
    socket.once('error', failed);
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      settle();
    });
    if (signal?.aborted) abort();
    else signal?.addEventListener('abort', abort, { once: true });
  });
}
