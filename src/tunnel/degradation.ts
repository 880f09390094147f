import type { Log } from '../telemetry/log.ts';

/** Sentinels agree within about a second of a failover; a shorter disagreement is not worth a person's time, in milliseconds. */
const settleMs = 2_000;

/** Tells the log about the soundness of one master once it has lasted, and once it is over. */
export class Degradation {
  readonly #database: string;
  readonly #log: Log;
  #timer: NodeJS.Timeout | undefined;
  #told = '';
  #seen = '';

  constructor(database: string, log: Log) {
    this.#database = database;
    this.#log = log;
  }

  seen(reasons: readonly string[]): void {
    const text = reasons.join('; ');
    if (text === this.#seen) return;
    this.#seen = text;
    clearTimeout(this.#timer);
    if (text === this.#told) return;
    this.#timer = setTimeout(() => {
      this.#told = text;
      if (text === '') this.#log.info('master.sound', { database: this.#database });
      else this.#log.warn('master.degraded', { database: this.#database, reasons: text });
    }, settleMs);
  }

  close(): void {
    clearTimeout(this.#timer);
  }
}
