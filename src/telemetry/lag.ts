import { Histogram, histogramLength, type HistogramView } from './histogram.ts';

/**
 * In seconds. A loop that only carries bytes comes round in well under a millisecond; half a second is a standstill.
 */
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** How many numbers a `Lag` counts in. */
export const lagLength = histogramLength(bounds);

/** How late one loop was to do what it had to do at a given time. */
export interface LoopLag {
  /** The name of the loop: `main`, or a relay thread's. */
  readonly loop: string;
  readonly lag: HistogramView;
}

/**
 * Counts how late a loop came to each of its beats, which tells how long bytes and decisions may have waited there. There
 * are few beats, so that an idle process sleeps.
 */
export class Lag {
  readonly #histogram: Histogram;

  /** @param numbers where to count, `lagLength` long; memory of its own where none is given */
  constructor(numbers: Float64Array = new Float64Array(lagLength)) {
    this.#histogram = new Histogram(bounds, numbers);
  }

  /** @param lateMs how late it came; below zero where the clock of the beats has been ahead */
  beat(lateMs: number): void {
    this.#histogram.observe(Math.max(lateMs, 0) / 1_000);
  }

  view(): HistogramView {
    return this.#histogram.view();
  }
}
