import type { ByteCounts } from '../flow/flow.ts';
import { endReasons, type EndReason, type TunnelCounters } from './engine.ts';

/** Where each number stands in the memory; behind them comes one for each reason of an end. */
const fields = [
  'open',
  'held',
  'admitted',
  'dialFailures',
  'acceptErrors',
  'upstreamBytes',
  'downstreamBytes',
] as const satisfies readonly (keyof TunnelCounters)[];
type Field = (typeof fields)[number];

const at = Object.fromEntries(fields.map((field, index) => [field, index])) as Record<Field, number>;
const endedAt = Object.fromEntries(
  endReasons.map((reason, index) => [reason, fields.length + index]),
) as Record<EndReason, number>;
const length = fields.length + endReasons.length;
const { upstreamBytes: upstreamBytesAt, downstreamBytes: downstreamBytesAt } = at;

/** The numbers of one tunnel, in one thread. They are counted in place, in memory that other threads may read. */
export class Counters implements ByteCounts {
  /** For another thread, which makes its own `Counters` of it. */
  readonly memory: SharedArrayBuffer;
  readonly #numbers: Float64Array;

  /** The totals of what several threads have counted. */
  static sum(all: readonly Counters[]): TunnelCounters {
    const total = (index: number): number =>
      all.reduce((sum, counters) => sum + (counters.#numbers[index] ?? 0), 0);
    const totals = Object.fromEntries(fields.map((field) => [field, total(at[field])])) as Record<
      Field,
      number
    >;
    const ended = Object.fromEntries(
      endReasons.map((reason) => [reason, total(endedAt[reason])]),
    ) as TunnelCounters['ended'];
    return { ...totals, ended };
  }

  constructor(memory = new SharedArrayBuffer(length * Float64Array.BYTES_PER_ELEMENT)) {
    this.memory = memory;
    this.#numbers = new Float64Array(memory);
  }

  addUpstream(bytes: number): void {
    this.#numbers[upstreamBytesAt] = (this.#numbers[upstreamBytesAt] ?? 0) + bytes;
  }

  addDownstream(bytes: number): void {
    this.#numbers[downstreamBytesAt] = (this.#numbers[downstreamBytesAt] ?? 0) + bytes;
  }

  admitted(): void {
    this.#add(at.admitted);
  }

  ended(reason: EndReason): void {
    this.#add(endedAt[reason]);
  }

  dialFailed(): void {
    this.#add(at.dialFailures);
  }

  acceptFailed(): void {
    this.#add(at.acceptErrors);
  }

  /** How many clients are attached or dialling, and how many wait, now. */
  setNow(open: number, held: number): void {
    this.#numbers[at.open] = open;
    this.#numbers[at.held] = held;
  }

  #add(index: number): void {
    this.#numbers[index] = (this.#numbers[index] ?? 0) + 1;
  }
}
