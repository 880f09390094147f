import { performance } from 'node:perf_hooks';

/** The main thread is silent when it has not beaten for so long, in milliseconds; it beats four times a second. */
const mostSilentMs = 1_000;

/** Notices that the main thread, which hears the Sentinels and steers, does not come round: its routes may be those of before a failover. */
export class Steersman {
  readonly #beats: Int32Array;
  #last: number;
  #heardMs = performance.now();

  /** @param beats the memory in which the main thread counts its beats */
  constructor(beats: Int32Array) {
    this.#beats = beats;
    this.#last = Atomics.load(beats, 0);
  }

  /** To be asked several times a second. */
  isSilent(): boolean {
    const beats = Atomics.load(this.#beats, 0);
    if (beats !== this.#last) this.heard();
    this.#last = beats;
    return performance.now() - this.#heardMs > mostSilentMs;
  }

  /** It has been heard otherwise. */
  heard(): void {
    this.#heardMs = performance.now();
  }
}
