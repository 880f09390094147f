import { lingeringCloseMs } from '../../net/refusal-reply.ts';
import type { Connection, ConnectionHandler } from '../io/connection.ts';

/**
 * Closes the connections of refused clients so that they can read why (nginx calls this a lingering close): closing on unread input would
 * reset the connection and take the line back (RFC 1122, 4.2.2.13). What they still send is thrown away.
 */
export class LingeringClose implements ConnectionHandler {
  /** When the time of each is over, in that order. */
  readonly #untilMs = new Map<Connection, number>();
  readonly #emptied: () => void;

  /** @param emptied called when the last connection has closed */
  constructor(emptied: () => void) {
    this.#emptied = emptied;
  }

  get size(): number {
    return this.#untilMs.size;
  }

  /** When `tick` has something to do, in milliseconds; `Infinity` for never. */
  get dueMs(): number {
    return this.#untilMs.values().next().value ?? Infinity;
  }

  begin(connection: Connection, line: string, nowMs: number): void {
    const bytes = new TextEncoder().encode(line);
    this.#untilMs.set(connection, nowMs + lingeringCloseMs);
    connection.handler = this;
    connection.write(bytes, 0, bytes.length);
    connection.end();
    connection.resume();
  }

  /** Closes those whose time is over; all of them at `Infinity`. */
  tick(nowMs: number): void {
    for (const [connection, untilMs] of this.#untilMs) {
      if (untilMs > nowMs) return;
      this.ended(connection);
    }
  }

  data(): void {
    // Nobody reads it.
  }

  writable(): void {
    // Nothing more is written.
  }

  ending(): void {
    // It is read to its end.
  }

  ended(connection: Connection): void {
    connection.close();
    this.gone(connection);
  }

  writeFailed(connection: Connection): void {
    this.ended(connection);
  }

  gone(connection: Connection): void {
    if (this.#untilMs.delete(connection) && this.#untilMs.size === 0) this.#emptied();
  }
}
