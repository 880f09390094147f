/** A histogram as it is printed: how many observations were at most as large as each bound, and all of them. */
export interface HistogramView {
  readonly bounds: readonly number[];
  /** Observations in each interval, not summed up; one more than there are bounds. */
  readonly counts: readonly number[];
  readonly sum: number;
}

/** Counts observations by size. Costs a few comparisons each, and the memory of its numbers. */
export class Histogram {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;

  /** @param bounds upper bounds, rising, each inclusive; what is larger than the last is counted beyond it */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = Array<number>(bounds.length + 1).fill(0);
  }

  observe(value: number): void {
    let index = 0;
    while (value > (this.#bounds[index] ?? Infinity)) index += 1;
    this.#counts[index] = (this.#counts[index] ?? 0) + 1;
    this.#sum += value;
  }

  view(): HistogramView {
    return { bounds: this.#bounds, counts: [...this.#counts], sum: this.#sum };
  }
}
