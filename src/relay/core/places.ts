/** Where each number stands in the memory. */
const takenAt = 0;
const mostAt = 1;

/** Both sockets of a session. */
export const descriptorsPerSession = 2;

/** So many that there is no limit. */
export const unlimited = 0x7fff_ffff;

/**
 * Places for sessions, of which no more are ever taken than there are. Counted in memory that threads share, so that
 * a limit holds for all of them together: to be admitted is rare beside the bytes that follow.
 */
export class Places {
  /** For a thread, which makes its own `Places` of it. */
  readonly memory: SharedArrayBuffer;
  readonly #cells: Int32Array;

  static of(most: number): Places {
    const places = new Places(new SharedArrayBuffer(2 * Int32Array.BYTES_PER_ELEMENT));
    places.most = most;
    return places;
  }

  constructor(memory: SharedArrayBuffer) {
    this.memory = memory;
    this.#cells = new Int32Array(memory);
  }

  get most(): number {
    return Atomics.load(this.#cells, mostAt);
  }

  /** May be less than are taken: then nobody loses one, and none is free until enough have been given back. */
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

/** What a gate may take: of its tunnel, and of the whole process. */
export interface GatePlaces {
  /** Sessions of the tunnel, waiting ones included. */
  readonly sessions: Places;
  /** Sessions of the tunnel that wait. */
  readonly waiting: Places;
  /** Sessions of every tunnel of the engine. */
  readonly whole: Places;
}
