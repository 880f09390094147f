import { type EventName } from './events.ts';
import { type Fields, type Log, type LogLevel, logLevels, withoutSecrets } from './log.ts';

/** One event as followers receive it. */
export interface FedEvent {
  /** `RUN.NUMBER`: the number increases with each event of one run of the program. */
  readonly id: string;
  /** Wall clock, ISO 8601. */
  readonly time: string;
  readonly level: LogLevel;
  readonly event: EventName;
  readonly fields: Fields;
}

/** Receives events. */
export type Follower = (event: FedEvent) => void;

/** How many events of level `info` and above are kept for new and returning followers. */
const mostKept = 500;

/** Distributes log events to followers, and keeps the latest. */
export class EventFeed {
  /** Distinguishes the ids of this run from those of another. */
  readonly #run = Date.now().toString(36);
  readonly #kept: FedEvent[] = [];
  readonly #followers = new Map<Follower, number>();
  #number = 0;
  #debuggers = 0;

  /** The id of the latest event. */
  get latestId(): string {
    return `${this.#run}.${String(this.#number)}`;
  }

  /** @returns a log that writes to `log` and feeds this */
  tee(log: Log): Log {
    const at =
      (level: LogLevel) =>
      (event: EventName, fields: Fields = {}) => {
        log[level](event, fields);
        this.#add(level, event, fields);
      };
    return {
      get isDebugging() {
        return log.isDebugging; // it may change while it runs
      },
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
    };
  }

  /**
   * Calls `follower` with every event of a level and above from now on.
   *
   * @returns a function that ends that
   */
  follow(level: LogLevel, follower: Follower): () => void {
    this.#followers.set(follower, logLevels.indexOf(level));
    this.#countDebuggers();
    return () => {
      this.#followers.delete(follower);
      this.#countDebuggers();
    };
  }

  /**
   * @returns the kept events after this one, oldest first; all kept events if the id is of another run or too old
   */
  since(id: string): readonly FedEvent[] {
    const [run, number] = id.split('.');
    if (run !== this.#run || number === undefined || !/^\d{1,15}$/.test(number)) return [...this.#kept];
    return this.#kept.filter((kept) => numberOf(kept) > Number(number));
  }

  /** The last `count` events that are kept, oldest first. */
  last(count: number): readonly FedEvent[] {
    return count === 0 ? [] : this.#kept.slice(-count);
  }

  #add(level: LogLevel, event: EventName, fields: Fields): void {
    // A debug event without a reader is not built.
    if (level === 'debug' && this.#debuggers === 0) return;
    this.#number += 1;
    const fed: FedEvent = Object.freeze({
      id: this.latestId,
      time: new Date().toISOString(),
      level,
      event,
      fields: withoutSecrets(fields),
    });
    if (level !== 'debug') {
      this.#kept.push(fed);
      if (this.#kept.length > mostKept) this.#kept.shift();
    }
    const importance = logLevels.indexOf(level);
    for (const [follower, least] of this.#followers) if (importance >= least) follower(fed);
  }

  #countDebuggers(): void {
    this.#debuggers = [...this.#followers.values()].filter((least) => least === 0).length;
  }
}

function numberOf({ id }: FedEvent): number {
  return Number(id.slice(id.indexOf('.') + 1));
}
