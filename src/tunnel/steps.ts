/** The milestones of a failover, in milliseconds after its beginning; what did not happen is absent. */
export interface Milestones {
  fencedMs?: number;
  /** The new master said by ROLE that it is one. */
  promotedMs?: number;
  servedMs?: number;
  confirmedMs?: number;
  firstByteMs?: number;
}

/** One milestone of a failover that was reached. */
export interface Step {
  readonly word: string;
  /** Milliseconds after the beginning. */
  readonly ms: number;
}

/** What each milestone is called, wherever it is shown. The dashboard is built from this as well: nothing of Node here. */
const words = [
  ['fenced', 'fencedMs'],
  ['promoted', 'promotedMs'],
  ['served', 'servedMs'],
  ['first byte', 'firstByteMs'],
  ['confirmed', 'confirmedMs'],
] as const satisfies readonly (readonly [string, keyof Milestones])[];

/** The milestones that were reached, in the order in which they were; those of one moment in their usual order. */
export function stepsOf(story: Readonly<Milestones>): readonly Step[] {
  return words
    .flatMap(([word, key]) => {
      const ms = story[key];
      // Optional by type, and perhaps `null` in what another version answers.
      return typeof ms === 'number' ? [{ word, ms }] : [];
    })
    .toSorted((a, b) => a.ms - b.ms);
}

/** Milliseconds of a failover as a number: to the tenth below a hundred, and whole above. */
export function roundMs(ms: number): string {
  const digits = Math.abs(ms) < 100 && !Number.isInteger(ms) ? 1 : 0;
  return ms.toFixed(digits);
}

/** Where a failover has led, in the middle of a sentence. */
export function courseOf({ from, to }: { readonly from: string; readonly to: string }): string {
  return from === to ? `back on ${to}` : `moved from ${from} to ${to}`;
}
