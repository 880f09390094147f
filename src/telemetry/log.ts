import type { EventName } from './events.ts';

/** Flat facts of one event. Never a secret, never a byte that a client or a server sent as payload. */
export type Fields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Where events go: a name from one list, then fields. The sentence is made by whoever shows it. */
export interface Log {
  /** Whether `debug` goes anywhere: what costs to find out is not found out otherwise. */
  readonly isDebugging: boolean;
  debug(event: EventName, fields?: Fields): void;
  info(event: EventName, fields?: Fields): void;
  warn(event: EventName, fields?: Fields): void;
  error(event: EventName, fields?: Fields): void;
}

function nothing(): void {
  // nobody reads
}

/** The silent twin, for those who embed the tunnel and for tests. */
export const silentLog: Log = {
  isDebugging: false,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
};

/** The last net under the rule that no secret is given to the log. */
export function withoutSecrets(fields: Fields): Fields {
  const names = Object.keys(fields).filter((name) => /password|secret|token/i.test(name));
  if (names.length === 0) return fields;
  return { ...fields, ...Object.fromEntries(names.map((name) => [name, '[redacted]'])) };
}
