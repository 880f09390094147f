/** Tells the first of a burst at once and the rest of it together, with their count, at most once per interval. */
export class Coalesced<E extends { readonly count: number }> {
  readonly #everyMs: number;
  readonly #tell: (event: E) => void;
  #toldMs = -Infinity;
  #kept: E | undefined;

  constructor(everyMs: number, tell: (event: E) => void) {
    this.#everyMs = everyMs;
    this.#tell = tell;
  }

  /** When `flush` would tell what is kept, in milliseconds; `Infinity` while nothing is. */
  get dueMs(): number {
    return this.#kept ? this.#toldMs + this.#everyMs : Infinity;
  }

  add(event: E, nowMs: number): void {
    this.#kept = this.#kept ? { ...event, count: this.#kept.count + event.count } : event;
    this.flush(nowMs);
  }

  flush(nowMs: number): void {
    if (!this.#kept || nowMs < this.dueMs) return;
    const event = this.#kept;
    this.#kept = undefined;
    this.#toldMs = nowMs;
    this.#tell(event);
  }
}
