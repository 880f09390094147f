import type { Side } from '../flow/flow.ts';
import type { Client } from './client.ts';

/** A client of which one side has ended and for which nothing has moved for this long is cut, in milliseconds. */
const halfCloseMs = 60_000;

interface Look {
  readonly atMs: number;
  /** What had been carried when it was last looked at. */
  readonly bytes: number;
  readonly by: Side;
}

/** Half-closed clients, in order of when they are looked at again: one for which nothing moves any more has to end. */
export class HalfCloseTimeout {
  readonly #looks = new Map<Client, Look>();

  /** When `expired` is to be called, in milliseconds; `Infinity` for never. */
  get dueMs(): number {
    for (const { atMs } of this.#looks.values()) return atMs;
    return Infinity;
  }

  /** One side has ended. That the other does too changes nothing. */
  add(client: Client, by: Side, nowMs: number): void {
    if (!this.#looks.has(client)) this.#lookLater(client, by, nowMs);
  }

  delete(client: Client): void {
    this.#looks.delete(client);
  }

  /** The clients whose time is over, and the side that had ended first. */
  *expired(nowMs: number): Generator<readonly [Client, Side]> {
    for (const [client, { atMs, bytes, by }] of this.#looks) {
      if (atMs > nowMs) return;
      this.#looks.delete(client);
      if (client.relayedBytes === bytes) yield [client, by];
      else this.#lookLater(client, by, nowMs);
    }
  }

  #lookLater(client: Client, by: Side, nowMs: number): void {
    this.#looks.set(client, { atMs: nowMs + halfCloseMs, bytes: client.relayedBytes, by });
  }
}

/**
 * Looks in one idle timeout: a client ends when it has been idle for the timeout, or at most half of it longer; after a
 * stall of the process it has all of it again.
 */
const looks = 4;

interface Seen {
  bytes: number;
  sinceMs: number;
}

/**
 * Finds the clients for which nothing moves. It looks at what has been carried for each a few times in each timeout, so that
 * nothing is done per byte.
 */
export class IdleTimeout {
  /** When `expired` is to be called, in milliseconds; `Infinity` for never. */
  dueMs = Infinity;
  #idleMs: number;
  readonly #seen = new Map<Client, Seen>();

  /** @param idleMs the timeout in milliseconds; 0 for none */
  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /** Changes the timeout, for `clients` too: they have all of it from now on. */
  adjust(idleMs: number, clients: Iterable<Client>, nowMs: number): void {
    if (idleMs === this.#idleMs) return;
    this.#idleMs = idleMs;
    this.#seen.clear();
    this.dueMs = Infinity;
    for (const client of clients) this.add(client, nowMs);
  }

  add(client: Client, nowMs: number): void {
    if (this.#idleMs === 0) return;
    this.#seen.set(client, { bytes: client.relayedBytes, sinceMs: nowMs });
    if (this.dueMs === Infinity) this.#lookAfter(nowMs);
  }

  delete(client: Client): void {
    this.#seen.delete(client);
    if (this.#seen.size === 0) this.dueMs = Infinity;
  }

  /** The clients whose time is over. */
  *expired(nowMs: number): Generator<Client> {
    if (nowMs < this.dueMs) return;
    // The process was stalled. What came in meanwhile has not been read yet, so nobody is known to have been silent.
    const isLate = nowMs - this.dueMs > this.#idleMs / 2;
    for (const [client, seen] of this.#seen) {
      const bytes = client.relayedBytes;
      if (isLate || bytes !== seen.bytes) {
        seen.bytes = bytes;
        seen.sinceMs = nowMs;
      } else if (nowMs - seen.sinceMs >= this.#idleMs) yield client;
    }
    if (this.#seen.size > 0) this.#lookAfter(nowMs);
  }

  #lookAfter(nowMs: number): void {
    this.dueMs = nowMs + this.#idleMs / looks;
  }
}
