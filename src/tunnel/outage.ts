import type { TunnelCounters } from '../relay/core/engine.ts';
import type { Fields, Log } from '../telemetry/log.ts';

/** A planned failover is over sooner, and no outage however short `holdMs` is, in milliseconds. */
const leastMs = 1_000;
/** How often it is looked how many clients wait, in milliseconds. */
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

export interface OutageSource {
  /** After how long without a master it is an outage, in milliseconds: then the first client is refused. */
  readonly holdMs: () => number;
  readonly counters: () => TunnelCounters | undefined;
}

/** Logs that a database serves nobody, as an error, once no client can be waiting for it any more, and when that is over. */
export class Outage {
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
   * No client can be served from now on; called again with every other reason.
   *
   * @param counters those at the beginning
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

  /** Counts the clients that wait. @param counters those before they were released; the present ones unless given */
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
