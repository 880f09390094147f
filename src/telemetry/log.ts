import type { EventName } from './events.ts';

/** The fields of one event. Never a secret, never payload of a client or a server. */
export type Fields = Readonly<Record<string, string | number | boolean | readonly string[] | undefined>>;

export const logLevels = ['debug', 'info', 'warn', 'error'] as const;
export type LogLevel = (typeof logLevels)[number];

/** Takes events: a name from one list, and fields. The output adds the sentence. */
export interface Log {
  /** Whether `debug` has an effect, so that callers can skip costly fields. */
  readonly isDebugging: boolean;
  debug(event: EventName, fields?: Fields): void;
  info(event: EventName, fields?: Fields): void;
  warn(event: EventName, fields?: Fields): void;
  error(event: EventName, fields?: Fields): void;
}

function nothing(): void {
  // discards the event
}

/** A log that discards everything, for embedders and tests. */
export const silentLog: Log = {
  isDebugging: false,
  debug: nothing,
  info: nothing,
  warn: nothing,
  error: nothing,
};

/** @returns the fields with passwords, secrets and tokens redacted: a safeguard, because no secret should reach the log */
export function withoutSecrets(fields: Fields): Fields {
  const names = Object.keys(fields).filter((name) => /password|secret|token/i.test(name));
  if (names.length === 0) return fields;
  return { ...fields, ...Object.fromEntries(names.map((name) => [name, '[redacted]'])) };
}
