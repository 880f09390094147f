import {
  Histogram,
  histogramLength,
  sumOfHistograms,
  type HistogramView,
} from '../../telemetry/histogram.ts';

/** How long things have taken in one tunnel, in seconds. */
export interface DurationsView {
  /** From the first packet of a dial to its success. */
  readonly dial: HistogramView;
  /** From the admission of a session that came to relay to its end. */
  readonly session: HistogramView;
}

/** In seconds. A dial takes 0.05 ms on loopback and 0.2 ms in a data centre; `dialMs` is 1.5 s unless set. */
const dialBounds = [0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5];
/** In seconds: from a command of a script to the pool of an application that runs for days. */
const sessionBounds = [0.01, 0.1, 1, 10, 60, 600, 3_600, 21_600, 86_400];

const dialLength = histogramLength(dialBounds);

/** How many numbers `Durations` counts in. */
export const durationsLength = dialLength + histogramLength(sessionBounds);

/** Counts durations once per session, never per byte. */
export class Durations {
  readonly #dial: Histogram;
  readonly #session: Histogram;

  /** @param numbers where to count, `durationsLength` long; memory of its own where none is given */
  constructor(numbers: Float64Array = new Float64Array(durationsLength)) {
    this.#dial = new Histogram(dialBounds, numbers.subarray(0, dialLength));
    this.#session = new Histogram(sessionBounds, numbers.subarray(dialLength));
  }

  dialled(ms: number): void {
    this.#dial.observe(ms / 1_000);
  }

  lasted(ms: number): void {
    this.#session.observe(ms / 1_000);
  }

  view(): DurationsView {
    return { dial: this.#dial.view(), session: this.#session.view() };
  }
}

/** What several threads have counted together. */
export function sumOfDurations(views: readonly DurationsView[]): DurationsView {
  const none = new Durations().view();
  return {
    dial: sumOfHistograms(none.dial, ...views.map(({ dial }) => dial)),
    session: sumOfHistograms(none.session, ...views.map(({ session }) => session)),
  };
}
