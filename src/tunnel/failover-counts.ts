import { Histogram, type HistogramView } from '../telemetry/histogram.ts';
import type { FailoverStory } from './story.ts';

/** What is counted of the failovers of one database. */
export interface FailoverCountsView {
  /** Failovers that led to another master, and all that are over. */
  readonly moves: number;
  readonly failovers: number;
  /** How long nothing was served, in seconds. */
  readonly window: HistogramView;
  /** How long of that a fence stood, in seconds. */
  readonly fence: HistogramView;
}

/** In seconds. A planned failover takes about 5 ms, one of a dead master `down-after-milliseconds` and some seconds. */
const windowBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Counts what stories tell. */
export class FailoverCounts {
  readonly #window = new Histogram(windowBounds);
  readonly #fence = new Histogram(windowBounds);
  #moves = 0;
  #failovers = 0;

  told({ from, to, fencedMs, servedMs }: FailoverStory): void {
    this.#failovers += 1;
    if (from !== to) this.#moves += 1;
    if (servedMs === undefined) return;
    this.#window.observe(servedMs / 1_000);
    if (fencedMs !== undefined) this.#fence.observe(Math.max(0, servedMs - fencedMs) / 1_000);
  }

  view(): FailoverCountsView {
    return {
      moves: this.#moves,
      failovers: this.#failovers,
      window: this.#window.view(),
      fence: this.#fence.view(),
    };
  }
}
