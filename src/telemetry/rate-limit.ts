import type { EventName } from './events.ts';
import type { Fields, Log, LogLevel } from './log.ts';

/** How many events of one kind and database may come at once, and then per second. */
const burst = 100;
const perSecond = 10;
/** How often dropped events are reported, in milliseconds. */
const reportMs = 1_000;

/** The longest text, and the most text in one event, in characters. */
const longestText = 8_192;
const longestEvent = 16_384;

/** Events that only the tunnel or an operator can cause. */
const unlimited: ReadonlySet<EventName> = new Set([
  'admin.acted',
  'config.reloaded',
  'config.reload-failed',
  'failover.refused',
  'log.dropped',
  'log.limited',
  'tunnel.stopped',
]);

interface Kind {
  readonly event: EventName;
  readonly database: string | undefined;
  left: number;
  filledMs: number;
  dropped: number;
}

/**
 * Limits the rate and size of events, so that nobody outside can fill the log or the memory of the event feed. Dropped events are
 * counted and reported once a second. Debug events have no rate limit.
 */
export class LogRateLimit {
  readonly log: Log;
  readonly #log: Log;
  readonly #kinds = new Map<string, Kind>();
  #report: NodeJS.Timeout | undefined;

  constructor(log: Log) {
    this.#log = log;
    this.log = {
      get isDebugging() {
        return log.isDebugging; // it may change while it runs
      },
      debug: (event, fields = {}) => {
        log.debug(event, shortened(fields));
      },
      info: (event, fields = {}) => {
        this.#write('info', event, fields);
      },
      warn: (event, fields = {}) => {
        this.#write('warn', event, fields);
      },
      error: (event, fields = {}) => {
        this.#write('error', event, fields);
      },
    };
  }

  /** Reports the last dropped events. */
  close(): void {
    clearTimeout(this.#report);
    this.#report = undefined;
    this.#reportDropped();
  }

  #write(level: LogLevel, event: EventName, fields: Fields): void {
    if (unlimited.has(event) || this.#isAllowed(event, fields['database'])) {
      this.#log[level](event, shortened(fields));
      return;
    }
    this.#report ??= setTimeout(() => {
      this.#report = undefined;
      this.#reportDropped();
    }, reportMs);
  }

  #isAllowed(event: EventName, named: Fields[string]): boolean {
    const database = typeof named === 'string' ? named : undefined;
    const nowMs = performance.now();
    const key = `${event} ${database ?? ''}`;
    const kind = this.#kinds.get(key) ?? { event, database, left: burst, filledMs: nowMs, dropped: 0 };
    this.#kinds.set(key, kind);
    kind.left = Math.min(burst, kind.left + ((nowMs - kind.filledMs) / 1_000) * perSecond);
    kind.filledMs = nowMs;
    if (kind.left < 1) {
      kind.dropped += 1;
      return false;
    }
    kind.left -= 1;
    return true;
  }

  #isRefilled({ left, filledMs }: Kind): boolean {
    return left + ((performance.now() - filledMs) / 1_000) * perSecond >= burst;
  }

  #reportDropped(): void {
    for (const [key, kind] of this.#kinds) {
      const { event, database, dropped } = kind;
      kind.dropped = 0;
      if (dropped > 0)
        this.#log.warn('log.limited', {
          ...(database !== undefined && { database }),
          kind: event,
          count: dropped,
        });
      else if (this.#isRefilled(kind)) this.#kinds.delete(key);
    }
  }
}

/** @returns the fields with long texts shortened, each with the number of missing characters */
export function shortened(fields: Fields): Fields {
  let room = longestEvent;
  const short = (text: string): string => {
    const kept = cutAt(text, Math.min(longestText, room));
    room -= Math.min(kept.length, room);
    return kept;
  };
  const entries = Object.entries(fields).map(([name, value]): [string, Fields[string]] => {
    if (typeof value === 'string') return [name, short(value)];
    if (typeof value === 'object') return [name, shortList(value, short, () => room > 0)];
    return [name, value];
  });
  return entries.every(([name, value]) => value === fields[name]) ? fields : Object.fromEntries(entries);
}

function shortList(
  texts: readonly string[],
  short: (text: string) => string,
  hasRoom: () => boolean,
): readonly string[] {
  const kept: string[] = [];
  for (const text of texts) {
    if (!hasRoom()) return [...kept, `… and ${String(texts.length - kept.length)} more`];
    kept.push(short(text));
  }
  return kept.some((text, at) => text !== texts[at]) ? kept : texts;
}

/** @returns the text, or its start and the number of missing characters */
export function cutAt(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most)}… (${String(text.length - most)} more characters)`;
}
