import type { EventName } from './events.ts';
import type { Fields, Log, LogLevel } from './log.ts';

/** Lines of one kind, of one database, that may come at once, and then so many in a second. */
const burst = 100;
const perSecond = 10;
/** What was left out is told this often, in milliseconds. */
const reportMs = 1_000;

/** One text, and all texts of an event, in characters. */
const longestText = 8_192;
const longestEvent = 16_384;

/** Each is said of something that only we, or an operator, do. */
const unrestrained: ReadonlySet<EventName> = new Set([
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
  leftOut: number;
}

/**
 * Keeps what others say, however long and however often they say it, from filling a log, and the memory in which its last events are
 * kept. What is left out is counted, and told once a second. Debugging is as talkative as it is asked to be.
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
        this.#tell('info', event, fields);
      },
      warn: (event, fields = {}) => {
        this.#tell('warn', event, fields);
      },
      error: (event, fields = {}) => {
        this.#tell('error', event, fields);
      },
    };
  }

  /** Tells what was left out last. */
  close(): void {
    clearTimeout(this.#report);
    this.#report = undefined;
    this.#tellLeftOut();
  }

  #tell(level: LogLevel, event: EventName, fields: Fields): void {
    if (unrestrained.has(event) || this.#isAllowed(event, fields['database'])) {
      this.#log[level](event, shortened(fields));
      return;
    }
    this.#report ??= setTimeout(() => {
      this.#report = undefined;
      this.#tellLeftOut();
    }, reportMs);
  }

  #isAllowed(event: EventName, named: Fields[string]): boolean {
    const database = typeof named === 'string' ? named : undefined;
    const nowMs = performance.now();
    const key = `${event} ${database ?? ''}`;
    const kind = this.#kinds.get(key) ?? { event, database, left: burst, filledMs: nowMs, leftOut: 0 };
    this.#kinds.set(key, kind);
    kind.left = Math.min(burst, kind.left + ((nowMs - kind.filledMs) / 1_000) * perSecond);
    kind.filledMs = nowMs;
    if (kind.left < 1) {
      kind.leftOut += 1;
      return false;
    }
    kind.left -= 1;
    return true;
  }

  #isRefilled({ left, filledMs }: Kind): boolean {
    return left + ((performance.now() - filledMs) / 1_000) * perSecond >= burst;
  }

  #tellLeftOut(): void {
    for (const [key, kind] of this.#kinds) {
      const { event, database, leftOut } = kind;
      kind.leftOut = 0;
      if (leftOut > 0)
        this.#log.warn('log.limited', {
          ...(database !== undefined && { database }),
          kind: event,
          count: leftOut,
        });
      else if (this.#isRefilled(kind)) this.#kinds.delete(key);
    }
  }
}

/** An event with its texts cut where they are too long, each with how much of it is left out. */
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

/** A text, or its beginning and how much of it is left out. */
export function cutAt(text: string, most: number): string {
  if (text.length <= most) return text;
  return `${text.slice(0, most)}… (${String(text.length - most)} more characters)`;
}
