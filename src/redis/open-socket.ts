import { connect, type Socket } from 'node:net';
import { TunnelError } from '../errors.ts';
import type { Endpoint } from '../net/endpoint.ts';
import { lookupAny } from '../net/names.ts';
import type { OwnListeners } from '../net/own-listeners.ts';
import { secure, whyNoTls, type ClientTls } from '../net/tls.ts';
import { cannotReach, noTls, timedOut, wordless } from './connection-errors.ts';

/**
 * Connects, with the TLS handshake where there is to be one.
 *
 * @param ms deadline for all of it, in milliseconds
 * @param signal gives up, when it aborts meanwhile
 * @param own where not to connect to
 * @param take is given the socket at once, for what it says next must not be missed
 * @returns what `take` has made of it
 * @throws TunnelError `ST_SENTINEL_UNREACHABLE`, `ST_SENTINEL_TIMEOUT`, `ST_TLS_FAILED` or `ST_CLOSED`
 */
export function openSocket<T>(
  endpoint: Endpoint,
  ms: number,
  signal: AbortSignal | undefined,
  tls: ClientTls | undefined,
  own: OwnListeners | undefined,
  take: (socket: Socket) => T,
): Promise<T> {
  const objection = own?.objection(endpoint);
  if (objection) return Promise.reject(cannotReach(endpoint, objection));
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
      signal?.removeEventListener('abort', stop);
      socket.off('error', refused);
      if (!error) {
        resolve(take(socket));
        return;
      }
      socket.on('error', () => undefined); // it is being destroyed; whatever else it says is of no interest
      socket.destroy();
      plain.destroy();
      reject(error);
    };
    const stop = (): void => {
      settle(new TunnelError('ST_CLOSED', 'Closed while connecting'));
    };
    const refused = (error: Error): void => {
      settle(
        tls && isConnected
          ? noTls(endpoint, whyNoTls(error, tls, endpoint), error)
          : cannotReach(endpoint, error, wordless(error)),
      );
    };
    const timer = setTimeout(() => {
      settle(
        tls && isConnected
          ? noTls(endpoint, `no handshake within ${String(ms)} ms: is this a TLS port?`)
          : timedOut(endpoint, 'has not accepted a connection', ms),
      );
    }, ms);
    socket.once('error', refused);
    socket.once(tls ? 'secureConnect' : 'connect', () => {
      settle();
    });
    if (signal?.aborted) stop();
    else signal?.addEventListener('abort', stop, { once: true });
  });
}
