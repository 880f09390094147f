import { relayedBytes, type Session, type Side } from './session.ts';

/** A session of which one side has ended and nothing has moved for this long is cut, in milliseconds. */
const lingerMs = 60_000;

interface Look {
  readonly atMs: number;
  /** What had been relayed when it was last looked at. */
  readonly bytes: number;
  readonly by: Side;
}

/** The half-closed sessions, in order of when they are looked at again: one in which nothing moves any more has to end. */
export class Linger<S extends Session> {
  readonly #looks = new Map<S, Look>();

  /** When `tick` is to be called, in milliseconds; `Infinity` for never. */
  get dueMs(): number {
    for (const { atMs } of this.#looks.values()) return atMs;
    return Infinity;
  }

  /** One side of a session has ended. That the other does too changes nothing. */
  add(session: S, by: Side, nowMs: number): void {
    if (!this.#looks.has(session)) this.#lookLater(session, by, nowMs);
  }

  delete(session: S): void {
    this.#looks.delete(session);
  }

  /** The sessions whose time is over, and the side that had ended first. */
  *tick(nowMs: number): Generator<readonly [S, Side]> {
    for (const [session, { atMs, bytes, by }] of this.#looks) {
      if (atMs > nowMs) return;
      this.#looks.delete(session);
      if (relayedBytes(session) === bytes) yield [session, by];
      else this.#lookLater(session, by, nowMs);
    }
  }

  #lookLater(session: S, by: Side, nowMs: number): void {
    this.#looks.set(session, { atMs: nowMs + lingerMs, bytes: relayedBytes(session), by });
  }
}
