import type { Quiescence } from './engine.ts';
import { relayedBytes, type Session } from './session.ts';

/** What an engine does for it. All may be called again without harm. */
export interface RestPort<S extends Session> {
  /** Reads nothing more from the client; replies still go to it. */
  rest(session: S): void;
  /** Reads from the client again. */
  wake(session: S): void;
  /** Whether all that the server has said is on its way to the client. */
  isFlushed(session: S): boolean;
}

/** A reply of several parts has no longer pauses than this between them, mostly; in milliseconds. */
const restMs = 5;
const lookEveryMs = 2;

/**
 * Brings sessions to rest before a failover that an operator wants: what has been asked is answered, and nothing more is
 * asked. Commands are not read, so a session counts as at rest when the last bytes went towards its client and nothing has
 * moved for a moment. One that is asking goes on to be read from until its answer begins, for half of a command
 * would never be answered.
 */
export class Rest<S extends Session> {
  readonly #port: RestPort<S>;
  readonly #sessions = new Map<S, { bytes: number; sinceMs: number }>();
  #untilMs = 0;
  #dueMs = Infinity;
  #done: ((quiescence: Quiescence) => void) | undefined;

  constructor(port: RestPort<S>) {
    this.#port = port;
  }

  /** When `tick` has something to do next; `Infinity` for never. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** @param done called once: when all are at rest, when the time is over, or when it is ended before */
  begin(
    sessions: Iterable<S>,
    nowMs: number,
    withinMs: number,
    done: (quiescence: Quiescence) => void,
  ): void {
    this.end();
    this.#untilMs = nowMs + withinMs;
    this.#done = done;
    for (const session of sessions) {
      this.#sessions.set(session, { bytes: relayedBytes(session), sinceMs: nowMs });
      session.wantsRest = true;
      if (!session.isAsking) this.#port.rest(session);
    }
    this.tick(nowMs);
  }

  /** Has every session read from again. */
  end(): void {
    const sessions = [...this.#sessions.keys()];
    this.#finish();
    this.#sessions.clear();
    for (const session of sessions) {
      session.wantsRest = false;
      this.#port.wake(session);
    }
  }

  /** A session has ended. */
  delete(session: S): void {
    this.#sessions.delete(session);
  }

  tick(nowMs: number): void {
    if (!this.#done) return;
    let isQuiet = true;
    for (const [session, look] of this.#sessions) {
      const bytes = relayedBytes(session);
      if (bytes !== look.bytes) this.#sessions.set(session, { bytes, sinceMs: nowMs });
      const isStill = bytes === look.bytes && nowMs - look.sinceMs >= restMs;
      if (session.isAsking || !isStill || !this.#port.isFlushed(session)) isQuiet = false;
    }
    if (isQuiet || nowMs >= this.#untilMs) this.#finish();
    else this.#dueMs = nowMs + lookEveryMs;
  }

  #finish(): void {
    const done = this.#done;
    this.#done = undefined;
    this.#dueMs = Infinity;
    if (!done) return;
    const sessions = [...this.#sessions.keys()];
    const busy = sessions.filter((session) => session.isAsking || !this.#port.isFlushed(session)).length;
    done({ resting: sessions.length - busy, busy });
  }
}
