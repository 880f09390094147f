import type { DatabaseHistory } from '../history.ts';
import { gapMs, shownSeconds } from './series.ts';

/** A time in which a database was not served, in seconds of wall clock. */
export interface Outage {
  readonly from: number;
  to: number | undefined;
}

/** The outages of a database in the last ten minutes, derived from successive reads. */
export class Outages {
  #all: Outage[] = [];
  #lastAt: number | undefined;

  get all(): readonly Outage[] {
    return this.#all;
  }

  /**
   * @param at time of the read, in seconds of wall clock
   * @param since when the phase at that time began
   */
  read(at: number, isServing: boolean, since: number): void {
    const before = this.#lastAt;
    this.#lastAt = at;
    const open = this.#all.find(({ to }) => to === undefined);
    if (!isServing) {
      if (!open) this.#all.push({ from: Math.min(at, since), to: undefined });
    } else if (open) {
      open.to = since;
    } else if (before !== undefined && since > before && at - before < gapMs / 1000) {
      // It was over before the next look.
      this.#all.push({ from: before, to: since });
    }
    this.#all = this.#all.filter(({ to }) => to === undefined || to > at - shownSeconds);
  }

  /** Takes over what the tunnel has sampled by itself, in place of what was read in the same time. */
  replay({ atMs, serving, sinceMs }: DatabaseHistory): void {
    const [firstMs] = atMs;
    if (firstMs === undefined) return;
    this.#all = this.#all.filter(({ to }) => to !== undefined && to < firstMs / 1000);
    this.#lastAt = undefined;
    for (const [index, ms] of atMs.entries())
      this.read(ms / 1000, serving[index] ?? false, (sinceMs[index] ?? ms) / 1000);
  }
}
