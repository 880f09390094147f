import type { DatabaseHistory } from '../history.ts';

/** What one database did in a second. */
export interface Sample {
  /** Seconds of wall clock. */
  readonly at: number;
  /** Bytes per second; `null` if unknown. */
  readonly upstream: number | null;
  readonly downstream: number | null;
  readonly open: number | null;
  readonly held: number | null;
}

/** Counters of one read, for the difference to the next one. */
export interface Reading {
  readonly at: number;
  /** Milliseconds of the tunnel's own clock: bytes are divided by these, so that a slow answer shows no peak. */
  readonly uptimeMs: number;
  readonly counters: Counters | undefined;
}

interface Counters {
  readonly upstreamBytes: number;
  readonly downstreamBytes: number;
  readonly open: number;
  readonly held: number;
}

/** The samples of the tunnel as readings. */
export function readingsOf(history: DatabaseHistory): readonly Reading[] {
  const { atMs, uptimeMs, upstreamBytes, downstreamBytes, open, held } = history;
  return atMs.map((at, index) => ({
    at: at / 1000,
    uptimeMs: uptimeMs[index] ?? 0,
    counters: known({
      upstreamBytes: upstreamBytes[index],
      downstreamBytes: downstreamBytes[index],
      open: open[index],
      held: held[index],
    }),
  }));
}

/** How much is shown, in seconds. */
export const shownSeconds = 600;
/** Readings closer than this to the last one are not samples: a rate over so little time is noise, in milliseconds. */
const leastMs = 800;
/** No reading for this long is a gap in the lines, in milliseconds. */
export const gapMs = 3_500;

/** The last ten minutes of one database. Uses no clock of its own. */
export class Series {
  #samples: Sample[] = [];
  #last: Reading | undefined;

  get samples(): readonly Sample[] {
    return this.#samples;
  }

  get latest(): Sample | undefined {
    return this.#samples.at(-1);
  }

  /** @returns whether the reading became a sample */
  read(reading: Reading): boolean {
    const before = this.#last;
    const tookMs = before ? reading.uptimeMs - before.uptimeMs : 0;
    if (before && tookMs >= 0 && tookMs < leastMs) return false;
    this.#last = reading;
    if (before && (tookMs < 0 || tookMs > gapMs)) this.#push(gap(before.at + 1));
    this.#push({
      at: reading.at,
      ...rates(before?.counters, reading.counters, tookMs),
      open: reading.counters?.open ?? null,
      held: reading.counters?.held ?? null,
    });
    return true;
  }

  /** Replaces the samples of the same time by those of the tunnel. */
  replay(readings: readonly Reading[]): void {
    const [first] = readings;
    if (!first) return;
    this.#samples = this.#samples.filter(({ at }) => at < first.at);
    if (this.#samples.length > 0) this.#push(gap(first.at - 0.001));
    this.#last = undefined;
    for (const reading of readings) this.read(reading);
  }

  #push(sample: Sample): void {
    this.#samples.push(sample);
    const oldest = sample.at - shownSeconds - 5;
    while ((this.#samples[0]?.at ?? oldest) < oldest) this.#samples.shift();
  }
}

function gap(at: number): Sample {
  return { at, upstream: null, downstream: null, open: null, held: null };
}

function known(counters: { readonly [Key in keyof Counters]: number | null | undefined }):
  Counters | undefined {
  const { upstreamBytes, downstreamBytes, open, held } = counters;
  if (typeof upstreamBytes !== 'number' || typeof downstreamBytes !== 'number') return undefined;
  return typeof open === 'number' && typeof held === 'number'
    ? { upstreamBytes, downstreamBytes, open, held }
    : undefined;
}

/** Counters that decreased belong to another run, or to reopened listeners. */
function rates(
  before: Reading['counters'],
  now: Reading['counters'],
  tookMs: number,
): Pick<Sample, 'upstream' | 'downstream'> {
  const rate = (earlier: number, later: number): number | null =>
    later < earlier ? null : ((later - earlier) * 1000) / tookMs;
  if (!before || !now || tookMs <= 0) return { upstream: null, downstream: null };
  return {
    upstream: rate(before.upstreamBytes, now.upstreamBytes),
    downstream: rate(before.downstreamBytes, now.downstreamBytes),
  };
}

/** @returns the latest, the mean and the highest value; `undefined` if there is none */
export function summary(values: readonly (number | null)[]): {
  readonly now: number | undefined;
  readonly mean: number | undefined;
  readonly peak: number | undefined;
} {
  const known = values.filter((value) => value !== null);
  if (known.length === 0) return { now: undefined, mean: undefined, peak: undefined };
  const sum = known.reduce((total, value) => total + value, 0);
  return { now: values.at(-1) ?? undefined, mean: sum / known.length, peak: Math.max(...known) };
}

/**
 * @param least the top of a scale without values
 * @returns the top of a scale for values up to `high`: a round number with a whole half, because there are no half sessions
 */
export function topOf(high: number, least: number): number {
  const half = Math.max(high * 1.05, least) / 2;
  const power = 10 ** Math.floor(Math.log10(half));
  const factors = power < 10 ? [1, 2, 3, 4, 5, 6, 8, 10] : [1, 1.5, 2, 3, 4, 5, 6, 8, 10];
  return 2 * power * (factors.find((factor) => factor * power >= half) ?? 10);
}
