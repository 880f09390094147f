import type { EventName } from '../../src/telemetry/events.ts';
import type { Fields, Log, LogLevel } from '../../src/telemetry/log.ts';

/** One event as it was logged. */
export interface RecordedEvent {
  readonly level: LogLevel;
  readonly event: EventName;
  readonly fields: Fields;
}

/** A log that a test reads. */
export class RecordedLog implements Log {
  readonly isDebugging = false;
  readonly events: RecordedEvent[] = [];

  debug(event: EventName, fields: Fields = {}): void {
    this.events.push({ level: 'debug', event, fields });
  }

  info(event: EventName, fields: Fields = {}): void {
    this.events.push({ level: 'info', event, fields });
  }

  warn(event: EventName, fields: Fields = {}): void {
    this.events.push({ level: 'warn', event, fields });
  }

  error(event: EventName, fields: Fields = {}): void {
    this.events.push({ level: 'error', event, fields });
  }

  /** The names of all events so far. */
  get names(): readonly EventName[] {
    return this.events.map(({ event }) => event);
  }

  /** The fields of every event of a name. */
  fieldsOf(event: EventName): readonly Fields[] {
    return this.events.filter((each) => each.event === event).map(({ fields }) => fields);
  }
}
