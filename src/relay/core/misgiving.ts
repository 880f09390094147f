/**
 * A verdict on the server comes within 500 ms even where it is silent; should none come at all, dials go on after this,
 * in milliseconds, as if nothing had been.
 */
const mostMs = 600;
/** A server that has just answered is not asked again for so long, in milliseconds: it may close many connections. */
const calmMs = 20;

/**
 * Whether the server may be dying: it has ended a session that nobody had asked it to end.
 *
 * When a process is killed the kernel closes its descriptors one after the other, the latest first (`task_work_run` has
 * been last in, first out since Linux 4.2), and so the listening socket last. For some hundred microseconds it still
 * accepts connections, which it then resets: whoever connects anew at once would meet a second error.
 */
export class Misgiving {
  #open: { readonly session: number; readonly untilMs: number } | undefined;
  #calmUntilMs = -Infinity;

  /** Whether dials have to wait. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** When it is over, in milliseconds; `Infinity` where there is none. */
  get dueMs(): number {
    return this.#open?.untilMs ?? Infinity;
  }

  /** @returns whether one begins by this, so that the server is to be asked */
  begin(session: number, nowMs: number): boolean {
    if (this.#open || nowMs < this.#calmUntilMs) return false;
    this.#open = { session, untilMs: nowMs + mostMs };
    return true;
  }

  /** Begins one that lasts until `end`. */
  stay(): void {
    this.#open = { session: 0, untilMs: Infinity };
  }

  /**
   * The server has answered a question that was asked after these sessions were dropped.
   *
   * @returns whether it is over by this
   */
  answered(sessions: readonly number[], nowMs: number): boolean {
    if (!this.#open || !sessions.includes(this.#open.session)) return false;
    this.#open = undefined;
    this.#calmUntilMs = nowMs + calmMs;
    return true;
  }

  end(): void {
    this.#open = undefined;
  }
}
