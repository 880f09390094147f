import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';

/** Those that have not shown a token: they idle, speak slowly, or are answered. One more closes another. */
export const mostStrangers = 48;
/** So many more are kept while a probe of theirs is answered, whoever they are. */
const mostProbing = 16;
/** Those that have shown the token, or follow the events. What is beyond is a stranger again. */
const mostKnown = 32;

/**
 * Who is connected to the admin listener. Nobody is kept out by those who came before: where there are too many strangers,
 * the one that has been there for longest is closed, of the address that has the most of them. A probe that asks
 * at once is answered, whatever others do.
 */
export class Connections {
  /** By how long they have been strangers, longest first. */
  readonly #strangers = new Set<Socket>();
  readonly #probing = new Set<Socket>();
  readonly #known = new Set<Socket>();
  readonly #crowded: () => void;

  /** @param crowded called for each that is closed to make room */
  constructor(crowded: () => void) {
    this.#crowded = crowded;
  }

  add(socket: Socket): void {
    socket.once('close', () => {
      for (const group of [this.#strangers, this.#probing, this.#known]) group.delete(socket);
    });
    this.#addStranger(socket);
  }

  /** Keeps a connection until a probe of it is answered. */
  probed(socket: Socket, response: ServerResponse): void {
    if (this.#probing.size >= mostProbing || !this.#strangers.delete(socket)) return;
    this.#probing.add(socket);
    response.once('close', () => {
      if (this.#probing.delete(socket) && !socket.destroyed) this.#addStranger(socket);
    });
  }

  /** Keeps a connection for as long as it is open. */
  know(socket: Socket): void {
    if (this.#known.size >= mostKnown || socket.destroyed) return;
    this.#strangers.delete(socket);
    this.#probing.delete(socket);
    this.#known.add(socket);
  }

  #addStranger(socket: Socket): void {
    this.#strangers.add(socket);
    if (this.#strangers.size <= mostStrangers) return;
    const victim = this.#longestOfTheBusiest();
    if (!victim) return;
    this.#strangers.delete(victim);
    victim.destroy();
    this.#crowded();
  }

  #longestOfTheBusiest(): Socket | undefined {
    const counts = new Map<string | undefined, number>();
    for (const { remoteAddress } of this.#strangers)
      counts.set(remoteAddress, (counts.get(remoteAddress) ?? 0) + 1);
    const most = Math.max(...counts.values());
    return [...this.#strangers].find(({ remoteAddress }) => counts.get(remoteAddress) === most);
  }
}
