import type { EventName } from '../telemetry/events.ts';
import type { Fields, Log } from '../telemetry/log.ts';

/** How often the same warning is written while it goes on, in milliseconds. */
const everyMs = 1_000;
/** So many kinds of warnings are held back at once, whatever words of others they carry. */
const mostRuns = 32;

interface Run {
  readonly event: EventName;
  readonly fields: Fields;
  /** Held back since it was written last. */
  kept: number;
  readonly isCounted: boolean;
  readonly timer: NodeJS.Timeout;
}

/** Writes the first of a run of like warnings at once, and the rest of it once a second with how many they were. */
export class Repeats {
  readonly #log: Log;
  readonly #runs = new Map<string, Run>();

  constructor(log: Log) {
    this.#log = log;
  }

  /**
   * @param count how many it stands for; what has none is written without a number
   * @returns whether it is the first of a run
   */
  warn(event: EventName, fields: Fields, count?: number): boolean {
    const key = JSON.stringify([event, fields]);
    const run = this.#runs.get(key);
    if (run) {
      run.kept += count ?? 1;
      return false;
    }
    for (const [oldest, { timer }] of this.#runs) {
      if (this.#runs.size < mostRuns) break;
      clearInterval(timer);
      this.#tell(oldest);
      this.#runs.delete(oldest);
    }
    this.#log.warn(event, count === undefined ? fields : { ...fields, count });
    const timer = setInterval(() => {
      if (this.#tell(key)) return;
      clearInterval(timer);
      this.#runs.delete(key);
    }, everyMs);
    this.#runs.set(key, { event, fields, kept: 0, isCounted: count !== undefined, timer });
    return true;
  }

  /** Writes what is held back still. */
  close(): void {
    for (const [key, { timer }] of this.#runs) {
      clearInterval(timer);
      this.#tell(key);
    }
    this.#runs.clear();
  }

  /** @returns whether anything was held back */
  #tell(key: string): boolean {
    const run = this.#runs.get(key);
    if (!run || run.kept === 0) return false;
    this.#log.warn(run.event, run.isCounted ? { ...run.fields, count: run.kept } : run.fields);
    run.kept = 0;
    return true;
  }
}
