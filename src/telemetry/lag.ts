import { Histogram, histogramLength, type HistogramView } from './histogram.ts';

/**
 * In seconds. An iteration of a loop that only relays takes well under a millisecond; half a second is a stall.
 */
const bounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];

/** How many counters a `Lag` needs. */
export const lagLength = histogramLength(bounds);

/** How late the heartbeats of one event loop were. */
export interface LoopLag {
  /** The name of the loop: `main`, or a relay thread's. */
  readonly loop: string;
  readonly lag: HistogramView;
}

/**
 * Counts how late each heartbeat of an event loop was: that long bytes and decisions may have waited. Heartbeats are rare, so that an
 * idle process sleeps.
 */
export class Lag {
  readonly #histogram: Histogram;

  /** @param numbers memory of the counters, `lagLength` long; by default its own */
  constructor(numbers: Float64Array = new Float64Array(lagLength)) {
    this.#histogram = new Histogram(bounds, numbers);
  }

  /** @param lateMs how late the heartbeat was; negative if its clock was ahead */
  beat(lateMs: number): void {
    this.#histogram.observe(Math.max(lateMs, 0) / 1_000);
  }

  view(): HistogramView {
    return this.#histogram.view();
  }
}
