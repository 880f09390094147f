import type { TunnelReading } from '../tunnel/tunnel-view.ts';
import type { Readings } from './callbacks.ts';

/** Time between two samples, in milliseconds: a plot of ten minutes is rarely wider than 600 pixels. */
const everyMs = 1_000;
/** Ten minutes: what the plots of the dashboard show. */
export const keptSamples = 600;

/** What `GET /history` answers besides its version: columns of equal length, the oldest sample first. */
export interface DatabaseHistory {
  readonly database: string;
  /** When each sample was taken: wall clock, in milliseconds. */
  readonly atMs: readonly number[];
  /** The same in milliseconds since the start of the tunnel, so that a change of the wall clock does not matter. */
  readonly uptimeMs: readonly number[];
  /** Whether the master was served. */
  readonly serving: readonly boolean[];
  /** When the phase of that moment began: wall clock, in milliseconds. */
  readonly sinceMs: readonly number[];
  /** The counters of `GET /status`; `null` while the database did not listen. */
  readonly upstreamBytes: readonly (number | null)[];
  readonly downstreamBytes: readonly (number | null)[];
  readonly open: readonly (number | null)[];
  readonly held: readonly (number | null)[];
}

/**
 * The last ten minutes of every database, for a dashboard that is opened after an incident. One sample a second in preallocated
 * arrays: 33 bytes each, so 20 kB per database and 10 kB for the shared times. The timer does not keep the process alive.
 */
export class History {
  readonly #read: () => Readings;
  /** Ring buffers; all share the position `#next`. */
  readonly #atMs = new Float64Array(keptSamples);
  readonly #uptimeMs = new Float64Array(keptSamples);
  #columns: ReadonlyMap<string, Columns> = new Map();
  #next = 0;
  #timer: NodeJS.Timeout | undefined;

  constructor(read: () => Readings) {
    this.#read = read;
  }

  /** Idempotent. */
  start(): void {
    this.#timer ??= setInterval(() => {
      this.sample();
    }, everyMs).unref();
  }

  /** Stops sampling and discards all samples. */
  stop(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
    this.#columns = new Map();
  }

  /** Samples every database, and discards removed ones. */
  sample(): void {
    const { uptimeMs, databases } = this.#read();
    this.#atMs[this.#next] = Date.now();
    this.#uptimeMs[this.#next] = uptimeMs;
    const columns = new Map<string, Columns>();
    for (const reading of databases) {
      const own = this.#columns.get(reading.name) ?? new Columns();
      own.write(this.#next, reading);
      columns.set(reading.name, own);
    }
    this.#columns = columns;
    this.#next = (this.#next + 1) % keptSamples;
  }

  /** @returns the samples of a database; none for an unknown one */
  of(database: string): DatabaseHistory {
    const columns = this.#columns.get(database);
    const count = columns?.count ?? 0;
    const places = Array.from(
      { length: count },
      (_, index) => (this.#next - count + index + keptSamples) % keptSamples,
    );
    const numbers = (column: Column | undefined): number[] => places.map((place) => column?.[place] ?? NaN);
    const known = (column: Column | undefined): (number | null)[] =>
      numbers(column).map((value, index) => (columns?.isKnown(places[index] ?? 0) ? value : null));
    return {
      database,
      atMs: numbers(this.#atMs),
      uptimeMs: numbers(this.#uptimeMs).map(Math.round),
      serving: places.map((place) => columns?.isServing(place) ?? false),
      sinceMs: numbers(columns?.sinceMs),
      upstreamBytes: known(columns?.upstreamBytes),
      downstreamBytes: known(columns?.downstreamBytes),
      open: known(columns?.open),
      held: known(columns?.held),
    };
  }
}

type Column = Float64Array | Uint32Array;

const servingFlag = 1;
const knownFlag = 2;

/** The samples of one database. */
class Columns {
  readonly upstreamBytes = new Float64Array(keptSamples);
  readonly downstreamBytes = new Float64Array(keptSamples);
  readonly sinceMs = new Float64Array(keptSamples);
  readonly open = new Uint32Array(keptSamples);
  readonly held = new Uint32Array(keptSamples);
  readonly #flags = new Uint8Array(keptSamples);
  /** Samples taken, at most `keptSamples`. */
  count = 0;

  write(place: number, { isServing, since, counters }: TunnelReading): void {
    this.count = Math.min(this.count + 1, keptSamples);
    this.#flags[place] = (isServing ? servingFlag : 0) | (counters ? knownFlag : 0);
    this.sinceMs[place] = Date.parse(since);
    this.upstreamBytes[place] = counters?.upstreamBytes ?? 0;
    this.downstreamBytes[place] = counters?.downstreamBytes ?? 0;
    this.open[place] = counters?.open ?? 0;
    this.held[place] = counters?.held ?? 0;
  }

  isServing(place: number): boolean {
    return ((this.#flags[place] ?? 0) & servingFlag) !== 0;
  }

  /** Whether there were counters. */
  isKnown(place: number): boolean {
    return ((this.#flags[place] ?? 0) & knownFlag) !== 0;
  }
}
