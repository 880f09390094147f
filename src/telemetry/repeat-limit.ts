import type { EventName } from './events.ts';
import type { Fields, Log, LogLevel } from './log.ts';

/** How often a repeated event is written, in milliseconds. */
const everyMs = 1_000;
/** How many different events are held back at once. */
const mostRuns = 32;

interface Run {
  readonly level: LogLevel;
  readonly event: EventName;
  fields: Fields;
  /** Held back since the last line. */
  kept: number;
  readonly isCounted: boolean;
  readonly timer: NodeJS.Timeout;
}

/** Writes the first of a run of repeated events at once, then at most one line per second with their number. */
export class RepeatLimit {
  readonly #log: Log;
  readonly #runs = new Map<string, Run>();

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * Writes an event, or holds it back.
   *
   * @param count how many occurrences it stands for; without it the line has no `count`
   * @param key which events are repeats of each other: by default those with equal fields; otherwise the latest fields are written
   * @returns whether it is the first of a run
   */
  note(
    level: LogLevel,
    event: EventName,
    fields: Fields = {},
    count?: number,
    key = JSON.stringify([event, fields]),
  ): boolean {
    const run = this.#runs.get(key);
    if (run) {
      run.fields = fields;
      run.kept += count ?? 1;
      return false;
    }
    for (const [oldest, { timer }] of this.#runs) {
      if (this.#runs.size < mostRuns) break;
      clearInterval(timer);
      this.#flush(oldest);
      this.#runs.delete(oldest);
    }
    this.#log[level](event, count === undefined ? fields : { ...fields, count });
    const timer = setInterval(() => {
      if (this.#flush(key)) return;
      clearInterval(timer);
      this.#runs.delete(key);
    }, everyMs);
    this.#runs.set(key, { level, event, fields, kept: 0, isCounted: count !== undefined, timer });
    return true;
  }

  /** Writes what is still held back. */
  close(): void {
    for (const [key, { timer }] of this.#runs) {
      clearInterval(timer);
      this.#flush(key);
    }
    this.#runs.clear();
  }

  /** @returns whether anything was held back */
  #flush(key: string): boolean {
    const run = this.#runs.get(key);
    if (!run || run.kept === 0) return false;
    this.#log[run.level](run.event, run.isCounted ? { ...run.fields, count: run.kept } : run.fields);
    run.kept = 0;
    return true;
  }
}
