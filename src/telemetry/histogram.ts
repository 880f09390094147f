/** A snapshot of a histogram. */
export interface HistogramView {
  /** Upper bounds, ascending and inclusive. */
  readonly bounds: readonly number[];
  /** Observations in each interval, not cumulative; one more than there are bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Counts observations by size, at a few comparisons each. */
export class Histogram {
  readonly #bounds: readonly number[];
  /** A count for each interval, then the sum. */
  readonly #numbers: Float64Array;

  /**
   * @param bounds upper bounds, ascending and inclusive; a last interval has no bound
   * @param numbers memory of the counters, `histogramLength(bounds)` long; by default its own
   */
  constructor(bounds: readonly number[], numbers: Float64Array = new Float64Array(histogramLength(bounds))) {
    this.#bounds = bounds;
    this.#numbers = numbers;
  }

  observe(value: number): void {
    const { length } = this.#bounds;
    let index = 0;
    while (index < length && value > (this.#bounds[index] ?? 0)) index += 1;
    this.#add(index, 1);
    this.#add(length + 1, value);
  }

  view(): HistogramView {
    const { length } = this.#bounds;
    const counts = [...this.#numbers.subarray(0, length + 1)];
    return { bounds: this.#bounds, counts, sum: this.#numbers[length + 1] ?? 0 };
  }

  #add(index: number, amount: number): void {
    this.#numbers[index] = (this.#numbers[index] ?? 0) + amount;
  }
}

/** @returns how many counters a histogram with these bounds needs */
export function histogramLength(bounds: readonly number[]): number {
  return bounds.length + 2;
}

/** @returns the sum of several histograms with the same bounds */
export function sumOfHistograms(first: HistogramView, ...more: readonly HistogramView[]): HistogramView {
  return more.reduce(
    (sum, next) => ({
      bounds: sum.bounds,
      counts: sum.counts.map((count, index) => count + (next.counts[index] ?? 0)),
      sum: sum.sum + next.sum,
    }),
    first,
  );
}
