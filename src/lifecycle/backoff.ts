/** Growing, jittered waits between tries: full at the first, doubled up to a ceiling, each shortened by chance. */
export class Backoff {
  readonly #firstMs: number;
  readonly #mostMs: number;
  #nextMs: number;

  /** @param firstMs the first wait in milliseconds; @param mostMs the longest */
  constructor(firstMs: number, mostMs: number) {
    this.#firstMs = firstMs;
    this.#mostMs = mostMs;
    this.#nextMs = firstMs;
  }

  /** The next wait in milliseconds: between half and the whole of the present step, so that many do not march in step. */
  next(): number {
    const ms = this.#nextMs;
    this.#nextMs = Math.min(ms * 2, this.#mostMs);
    return ms * (0.5 + Math.random() / 2);
  }

  /** Starts again from the first wait, after a success. */
  reset(): void {
    this.#nextMs = this.#firstMs;
  }
}
