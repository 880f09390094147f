/**
 * The record of one failover and the words for it. The dashboard is built from this file too, so it imports nothing that needs
 * Node.
 */

/** When a failover reached each milestone, in milliseconds after its start; a milestone that was not reached is absent. */
export interface Milestones {
  fencedMs?: number;
  /** The new master answered ROLE with `master`. */
  promotedMs?: number;
  servedMs?: number;
  confirmedMs?: number;
  firstByteMs?: number;
}

/** One message or action during a failover. */
export interface RecordLine {
  /** Milliseconds after the start of the failover; negative for what happened before it. */
  readonly ms: number;
  /** A Sentinel, a server, or `tunnel`. */
  readonly who: string;
  readonly what: string;
}

/** One failover, from leaving the master to the first byte from the next one. `servedMs` is how long nothing was served. */
export interface FailoverRecord extends Readonly<Milestones> {
  readonly database: string;
  /** Wall clock at the start, ISO 8601. */
  readonly at: string;
  /** Why the tunnel left the master. */
  readonly trigger: string;
  readonly from: string;
  /** The master at the end; the same as `from` after an aborted failover. */
  readonly to: string;
  readonly generation: number;
  /** Sessions cut, and the most clients that waited at once. */
  readonly cut: number;
  readonly held: number;
  readonly lines: readonly RecordLine[];
}

/** One milestone that a failover reached. */
export interface ReachedMilestone {
  readonly name: string;
  /** Milliseconds after the start. */
  readonly ms: number;
}

/** The name of each milestone, wherever it is shown. */
const milestoneNames = [
  ['fenced', 'fencedMs'],
  ['promoted', 'promotedMs'],
  ['served', 'servedMs'],
  ['first byte', 'firstByteMs'],
  ['confirmed', 'confirmedMs'],
] as const satisfies readonly (readonly [string, keyof Milestones])[];

/** @returns the reached milestones in order of time; milestones of the same moment in their usual order */
export function milestonesOf(record: Readonly<Milestones>): readonly ReachedMilestone[] {
  return milestoneNames
    .flatMap(([name, key]) => {
      const ms = record[key];
      // Optional by type; another version may answer `null`.
      return typeof ms === 'number' ? [{ name, ms }] : [];
    })
    .toSorted((a, b) => a.ms - b.ms);
}

/** @returns milliseconds as text: with one decimal below 100, whole above */
export function roundMs(ms: number): string {
  const digits = Math.abs(ms) < 100 && !Number.isInteger(ms) ? 1 : 0;
  return ms.toFixed(digits);
}

/** @returns where a failover ended, for the middle of a sentence */
export function outcomeText({ from, to }: { readonly from: string; readonly to: string }): string {
  return from === to ? `back on ${to}` : `moved from ${from} to ${to}`;
}

/** @returns one sentence for a log line: the outcome and its numbers first, the reason last, because it may be long */
export function recordSentence(record: FailoverRecord): string {
  const { generation, servedMs, cut, held, trigger } = record;
  const gap = servedMs === undefined ? 'not served again' : `not served for ${roundMs(servedMs)} ms`;
  const milestones = milestonesOf(record).map(({ name, ms }) => `${name} at ${roundMs(ms)} ms`);
  const times = milestones.length === 0 ? '' : ` (${milestones.join(', ')})`;
  const effect = `sessions cut: ${String(cut)}, clients held: ${String(held)}`;
  return `${outcomeText(record)}, generation ${String(generation)}, ${gap}${times}, ${effect}, because ${trigger}`;
}
