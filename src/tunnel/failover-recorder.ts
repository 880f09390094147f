import { Histogram, type HistogramView } from '../telemetry/histogram.ts';
import { cutAt } from '../telemetry/rate-limit.ts';
import type { FailoverRecord, Milestones, RecordLine } from './failover-record.ts';

/** Counters over all failovers of one database. */
export interface FailoverCountsView {
  /** Failovers that ended on another master, and all failovers that are over. */
  readonly moves: number;
  readonly failovers: number;
  /** How long nothing was served, in seconds. */
  readonly window: HistogramView;
  /** How long of that the fence was up, in seconds. */
  readonly fence: HistogramView;
}

/** In seconds. A planned failover takes about 5 ms; after a crash it takes `down-after-milliseconds` and some seconds. */
const windowBounds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60];

/** Lines of the last 10 s before a failover become part of its record. */
const preludeMs = 10_000;
const maxPrelude = 30;
const maxLines = 200;
const maxRecords = 100;
/** Longer texts are shortened, in characters. */
const longestWhat = 300;
const longestWho = 100;

interface OpenRecord {
  readonly startedMs: number;
  readonly at: string;
  readonly trigger: string;
  readonly from: string;
  to: string;
  generation: number;
  cut: number;
  held: number;
  milestones: Milestones;
  readonly lines: RecordLine[];
}

/**
 * Records the failovers of one database. Keeps the latest lines at all times, and starts a record with them when the tunnel
 * leaves a master. Holds no timer and does no I/O.
 */
export class FailoverRecorder {
  readonly #database: string;
  readonly #now: () => number;
  #prelude: { addedMs: number; who: string; what: string }[] = [];
  #open: OpenRecord | undefined;
  readonly #records: FailoverRecord[] = [];
  readonly #window = new Histogram(windowBounds);
  readonly #fence = new Histogram(windowBounds);
  #moves = 0;
  #failovers = 0;

  /** @param now a monotonic clock, in milliseconds */
  constructor(database: string, now: () => number) {
    this.#database = database;
    this.#now = now;
  }

  /** The last 100 failovers that are over, oldest first. */
  get records(): readonly FailoverRecord[] {
    return this.#records;
  }

  counts(): FailoverCountsView {
    return {
      moves: this.#moves,
      failovers: this.#failovers,
      window: this.#window.view(),
      fence: this.#fence.view(),
    };
  }

  /** The milestones of the open record; `undefined` when none is open. */
  get milestones(): Readonly<Milestones> | undefined {
    return this.#open?.milestones;
  }

  /** Adds a line to the open record, or keeps it for the next one. */
  add(source: string, text: string): void {
    const [who, what] = [cutAt(source, longestWho), cutAt(text, longestWhat)];
    const addedMs = this.#now();
    const open = this.#open;
    if (open) {
      if (open.lines.length < maxLines) open.lines.push({ ms: round(addedMs - open.startedMs), who, what });
      return;
    }
    this.#prelude.push({ addedMs, who, what });
    if (this.#prelude.length > maxPrelude) this.#prelude.shift();
  }

  /** The tunnel leaves a master: opens a record. An open record goes on, but its milestones start again. */
  begin(from: string, trigger: string): void {
    if (this.#open) {
      this.#open.milestones = {};
      return;
    }
    const startedMs = this.#now();
    this.#open = {
      startedMs,
      at: new Date().toISOString(),
      trigger: cutAt(trigger, longestWhat),
      from,
      to: from,
      generation: 0,
      cut: 0,
      held: 0,
      milestones: {},
      lines: this.#prelude
        .filter(({ addedMs }) => startedMs - addedMs < preludeMs)
        .map(({ addedMs, who, what }) => ({ ms: round(addedMs - startedMs), who, what })),
    };
    this.#prelude = [];
  }

  /** Sets a milestone of the open record; a milestone that is already set stays. */
  reached(milestone: keyof Milestones, what: string): void {
    const open = this.#open;
    if (!open || open.milestones[milestone] !== undefined) return;
    open.milestones[milestone] = round(this.#now() - open.startedMs);
    this.add('tunnel', what);
  }

  /** The engine followed a new route. */
  steered(cut: number, held: number, released: number): void {
    const open = this.#open;
    if (!open) return;
    open.cut += cut;
    open.held = Math.max(open.held, held, released);
    if (cut > 0) this.add('tunnel', `cut sessions: ${String(cut)}`);
    if (released > 0) this.add('tunnel', `released held connections: ${String(released)}`);
  }

  /** Sets the master that the failover leads to. */
  setMaster(to: string, generation: number): void {
    if (!this.#open) return;
    this.#open.to = to;
    this.#open.generation = generation;
  }

  /** Closes the open record, keeps and counts it. @returns the record; `undefined` when none was open */
  end(): FailoverRecord | undefined {
    const open = this.#open;
    if (!open) return undefined;
    this.#open = undefined;
    const { at, trigger, from, to, generation, cut, held, milestones, lines } = open;
    const record = Object.freeze({
      database: this.#database,
      ...{ at, trigger, from, to, generation, cut, held },
      ...milestones,
      lines: Object.freeze(lines),
    });
    this.#records.push(record);
    if (this.#records.length > maxRecords) this.#records.shift();
    this.#count(record);
    return record;
  }

  #count({ from, to, fencedMs, servedMs }: FailoverRecord): void {
    this.#failovers += 1;
    if (from !== to) this.#moves += 1;
    if (servedMs === undefined) return;
    this.#window.observe(servedMs / 1_000);
    if (fencedMs !== undefined) this.#fence.observe(Math.max(0, servedMs - fencedMs) / 1_000);
  }
}

function round(ms: number): number {
  return Math.round(ms * 10) / 10;
}
