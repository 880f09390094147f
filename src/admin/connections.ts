import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Connections that have not shown a token. One more closes another one. */
export const mostUnauthenticated = 48;
/** Further connections while the tunnel answers a probe of theirs, with or without a token. */
const mostProbing = 16;
/** Connections that have shown the token or follow the events. Beyond this number they count as unauthenticated. */
const mostAuthenticated = 32;
/** All connections of an admin listener together. */
export const mostConnections = mostUnauthenticated + mostProbing + mostAuthenticated;

/**
 * The connections of the admin listener. Old connections never keep new ones out: when too many are unauthenticated, the oldest
 * one of the address with the most connections is closed. A probe that arrives at once is always answered.
 */
export class Connections {
  /** Oldest first. */
  readonly #unauthenticated = new Set<Socket>();
  readonly #probing = new Set<Socket>();
  readonly #authenticated = new Set<Socket>();
  readonly #closedOne: () => void;

  /** @param closedOne called for each connection that is closed to make room */
  constructor(closedOne: () => void) {
    this.#closedOne = closedOne;
  }

  add(socket: Socket): void {
    socket.once('close', () => {
      for (const group of [this.#unauthenticated, this.#probing, this.#authenticated]) group.delete(socket);
    });
    this.#addUnauthenticated(socket);
  }

  /** Keeps a connection until its probe is answered. */
  probed(socket: Socket, response: ServerResponse): void {
    if (this.#probing.size >= mostProbing || !this.#unauthenticated.delete(socket)) return;
    this.#probing.add(socket);
    response.once('close', () => {
      if (this.#probing.delete(socket) && !socket.destroyed) this.#addUnauthenticated(socket);
    });
  }

  /** Keeps a connection as long as it is open. */
  authenticated(socket: Socket): void {
    if (this.#authenticated.size >= mostAuthenticated || socket.destroyed) return;
    this.#unauthenticated.delete(socket);
    this.#probing.delete(socket);
    this.#authenticated.add(socket);
  }

  #addUnauthenticated(socket: Socket): void {
    this.#unauthenticated.add(socket);
    if (this.#unauthenticated.size <= mostUnauthenticated) return;
    const oldest = this.#oldestOfBusiestAddress();
    if (!oldest) return;
    this.#unauthenticated.delete(oldest);
    oldest.destroy();
    this.#closedOne();
  }

  #oldestOfBusiestAddress(): Socket | undefined {
    const counts = new Map<string | undefined, number>();
    for (const { remoteAddress } of this.#unauthenticated)
      counts.set(remoteAddress, (counts.get(remoteAddress) ?? 0) + 1);
    const most = Math.max(...counts.values());
    return [...this.#unauthenticated].find(({ remoteAddress }) => counts.get(remoteAddress) === most);
  }
}
