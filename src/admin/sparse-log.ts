import type { EventName } from '../telemetry/events.ts';
import type { Fields, Log } from '../telemetry/log.ts';

/** How often one event is written at most, in milliseconds. */
const everyMs = 1_000;

interface Run {
  readonly timer: NodeJS.Timeout;
  readonly level: 'info' | 'warn' | 'error';
  fields: Fields;
  kept: number;
}

/**
 * Writes events that anybody can cause who reaches the listener: the first at once, then each at most once a second, with
 * the facts of the latest and how many they were.
 */
export class SparseLog {
  readonly #log: Log;
  readonly #runs = new Map<EventName, Run>();

  constructor(log: Log) {
    this.#log = log;
  }

  note(level: Run['level'], event: EventName, fields: Fields = {}): void {
    const run = this.#runs.get(event);
    if (run) {
      run.fields = fields;
      run.kept += 1;
      return;
    }
    this.#log[level](event, { ...fields, count: 1 });
    const timer = setInterval(() => {
      if (this.#flush(event)) return;
      clearInterval(timer);
      this.#runs.delete(event);
    }, everyMs);
    this.#runs.set(event, { timer, level, fields, kept: 0 });
  }

  /** Writes what is held back still. */
  close(): void {
    for (const [event, { timer }] of this.#runs) {
      clearInterval(timer);
      this.#flush(event);
    }
    this.#runs.clear();
  }

  /** @returns whether anything was held back */
  #flush(event: EventName): boolean {
    const run = this.#runs.get(event);
    if (!run || run.kept === 0) return false;
    this.#log[run.level](event, { ...run.fields, count: run.kept });
    run.kept = 0;
    return true;
  }
}
