import { performance } from 'node:perf_hooks';

/** The main thread counts as silent after so long without a heartbeat, in milliseconds; it sends four a second. */
const longestSilenceMs = 1_000;

/** Notices that the main thread, which hears the Sentinels, hangs: the routes may be those of before a failover. */
export class MainThreadWatch {
  readonly #heartbeats: Int32Array;
  #last: number;
  #heardMs = performance.now();

  /** @param heartbeats the memory in which the main thread counts them */
  constructor(heartbeats: Int32Array) {
    this.#heartbeats = heartbeats;
    this.#last = Atomics.load(heartbeats, 0);
  }

  /** To be asked several times a second. */
  isSilent(): boolean {
    const heartbeats = Atomics.load(this.#heartbeats, 0);
    if (heartbeats !== this.#last) this.heard();
    this.#last = heartbeats;
    return performance.now() - this.#heardMs > longestSilenceMs;
  }

  /** It was heard otherwise. */
  heard(): void {
    this.#heardMs = performance.now();
  }
}
