/** Where each number stands in the memory. */
const takenAt = 0;
const mostAt = 1;

/** So many that there is no limit. */
export const unlimited = 0x7fff_ffff;

/**
 * A counting semaphore that never waits: no more permits are taken than there are. Counted in memory that threads share, so that a
 * limit holds for all of them together.
 */
export class Permits {
  /** For another thread, which makes its own `Permits` of it. */
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;

  static of(most: number): Permits {
    const permits = new Permits(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
    permits.most = most;
    return permits;
  }

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#cells = new Int32Array(memory);
  }

  get most(): number {
    return Atomics.load(this.#cells, mostAt);
  }

  /** May be fewer than are taken: then none is free until enough were given back. */
  set most(most: number) {
    Atomics.store(this.#cells, mostAt, most);
  }

  /** Takes so many, all or none. @returns whether there were so many left */
  take(count = 1): boolean {
    for (;;) {
      const taken = Atomics.load(this.#cells, takenAt);
      if (taken + count > this.most) return false;
      if (Atomics.compareExchange(this.#cells, takenAt, taken, taken + count) === taken) return true;
    }
  }

  /** Gives back what was taken. */
  give(count = 1): void {
    Atomics.sub(this.#cells, takenAt, count);
  }
}
