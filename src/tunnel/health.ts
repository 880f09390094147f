import type { TunnelCounters } from '../relay/core/engine.ts';
import type { Fields, Log } from '../telemetry/log.ts';

/** A planned failover takes less than this and is no outage, however short `holdMs` is. In milliseconds. */
const leastMs = 1_000;
/** How often the waiting clients are counted, in milliseconds. */
const sampleMs = 250;

interface Open {
  readonly startedMs: number;
  readonly before: Counts;
  readonly timers: readonly NodeJS.Timeout[];
  reason: string;
  held: number;
  isLogged: boolean;
}

interface Counts {
  readonly refused: number;
  readonly cut: number;
}

/** What an outage log reads from its tunnel. */
export interface OutageSource {
  /** How long a client waits without a master, in milliseconds. Then the first client is refused, and it is an outage. */
  readonly holdMs: () => number;
  readonly counters: () => TunnelCounters | undefined;
}

/** Logs an error when a database has not been served for as long as a client waits, and again when that is over. */
export class OutageLog {
  readonly #database: string;
  readonly #log: Log;
  readonly #source: OutageSource;
  #open: Open | undefined;

  constructor(database: string, log: Log, source: OutageSource) {
    this.#database = database;
    this.#log = log;
    this.#source = source;
  }

  /**
   * Starts an outage, or changes the reason of the present one.
   *
   * @param counters the counters at the start; by default the present ones
   */
  notServing(reason: string, counters = this.#source.counters()): void {
    if (this.#open) {
      this.#open.reason = reason;
      return;
    }
    const declare = (): void => {
      this.#declare();
    };
    const sample = (): void => {
      this.sample();
    };
    this.#open = {
      startedMs: performance.now(),
      before: countsIn(counters),
      timers: [
        setTimeout(declare, Math.max(this.#source.holdMs(), leastMs)),
        setInterval(sample, sampleMs).unref(),
      ],
      reason,
      held: 0,
      isLogged: false,
    };
  }

  /** Counts the waiting clients. @param counters the counters before they were released; by default the present ones */
  sample(counters = this.#source.counters()): void {
    if (this.#open) this.#open.held = Math.max(this.#open.held, counters?.held ?? 0);
  }

  /** Clients are served again. */
  serving(): void {
    const open = this.#open;
    if (!open) return;
    this.close();
    if (open.isLogged) this.#log.info('database.outage-over', this.#fieldsOf(open));
  }

  close(): void {
    for (const timer of this.#open?.timers ?? []) clearTimeout(timer);
    this.#open = undefined;
  }

  #declare(): void {
    const open = this.#open;
    if (!open) return;
    this.sample();
    open.isLogged = true;
    this.#log.error('database.outage', { ...this.#fieldsOf(open), reason: open.reason });
  }

  #fieldsOf({ startedMs, before, held }: Open): Fields {
    const { refused, cut } = countsIn(this.#source.counters());
    return {
      database: this.#database,
      lastedMs: Math.round(performance.now() - startedMs),
      refused: refused - before.refused,
      cut: cut - before.cut,
      held,
    };
  }
}

function countsIn(counters: TunnelCounters | undefined): Counts {
  return { refused: counters?.ended.refused ?? 0, cut: counters?.ended.evicted ?? 0 };
}

/** Sentinels agree about a second after a failover; a shorter disagreement is not logged. In milliseconds. */
const settleMs = 2_000;

/** Logs that a master is degraded once that has lasted, and again when it is over. */
export class DegradationLog {
  readonly #database: string;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;
  #logged = '';
  #latest = '';

  constructor(database: string, log: Log) {
    this.#database = database;
    this.#log = log;
  }

  update(reasons: readonly string[]): void {
    const text = reasons.join('; ');
    if (text === this.#latest) return;
    this.#latest = text;
    clearTimeout(this.#timer);
    if (text === this.#logged) return;
    this.#timer = setTimeout(() => {
      this.#logged = text;
      if (text === '') this.#log.info('master.sound', { database: this.#database });
      else this.#log.warn('master.degraded', { database: this.#database, reasons: text });
    }, settleMs);
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
