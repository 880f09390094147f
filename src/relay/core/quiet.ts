import { relayedBytes, type Session } from './session.ts';

/**
 * Looks in one idle timeout: a session ends when it has been idle for the timeout, or at most half of it longer; after a
 * standstill it has all of it again.
 */
const looks = 4;

interface Seen {
  bytes: number;
  sinceMs: number;
}

/**
 * Finds the sessions in which nothing moves. It looks at the byte counters of all of them a few times in each
 * timeout, so that nothing is done for a byte.
 */
export class Quiet<S extends Session> {
  /** When `tick` is to be called, in milliseconds; `Infinity` for never. */
  dueMs = Infinity;
  #idleMs: number;
  readonly #seen = new Map<S, Seen>();

  /** @param idleMs the timeout in milliseconds; 0 for none */
  constructor(idleMs: number) {
    this.#idleMs = idleMs;
  }

  /** Changes the timeout, for `sessions` too: they have all of it from now on. */
  adjust(idleMs: number, sessions: Iterable<S>, nowMs: number): void {
    if (idleMs === this.#idleMs) return;
    this.#idleMs = idleMs;
    this.#seen.clear();
    this.dueMs = Infinity;
    for (const session of sessions) this.add(session, nowMs);
  }

  add(session: S, nowMs: number): void {
    if (this.#idleMs === 0) return;
    this.#seen.set(session, { bytes: relayedBytes(session), sinceMs: nowMs });
    if (this.dueMs === Infinity) this.#lookAfter(nowMs);
  }

  delete(session: S): void {
    this.#seen.delete(session);
    if (this.#seen.size === 0) this.dueMs = Infinity;
  }

  /** The sessions whose time is over. */
  *tick(nowMs: number): Generator<S> {
    if (nowMs < this.dueMs) return;
    // The process has stood still. What came in meanwhile has not been read yet, so nobody is known to have been silent.
    const isLate = nowMs - this.dueMs > this.#idleMs / 2;
    for (const [session, seen] of this.#seen) {
      const bytes = relayedBytes(session);
      if (isLate || bytes !== seen.bytes) {
        seen.bytes = bytes;
        seen.sinceMs = nowMs;
      } else if (nowMs - seen.sinceMs >= this.#idleMs) yield session;
    }
    if (this.#seen.size > 0) this.#lookAfter(nowMs);
  }

  #lookAfter(nowMs: number): void {
    this.dueMs = nowMs + this.#idleMs / looks;
  }
}
