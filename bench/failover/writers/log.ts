import { nowMs } from '../../lib/clock.ts';

/** A write that a server acknowledged to a client. */
export interface Ack {
  readonly value: string;
  readonly sentMs: number;
  readonly ackMs: number;
  /** The port of the Redis server that acknowledged it, as that server itself says. */
  readonly port: number;
}

export interface Fault {
  count: number;
  readonly firstMs: number;
  lastMs: number;
}

/** What one client did and saw, in order. */
export class WriterLog {
  /** The list on the server to which it appends. */
  readonly key: string;
  readonly acks: Ack[] = [];
  /** Errors, by what the client was told. */
  readonly faults = new Map<string, Fault>();
  /** The longest that a new connection waited for its first reply. */
  maxHoldMs = 0;
  #isClosed = false;

  constructor(key: string) {
    this.key = key;
  }

  fault(kind: string): void {
    if (this.#isClosed) return;
    const atMs = nowMs();
    const known = this.faults.get(kind);
    if (known) {
      known.count += 1;
      known.lastMs = atMs;
    } else this.faults.set(kind, { count: 1, firstMs: atMs, lastMs: atMs });
  }

  /** What comes after is of our own doing. */
  close(): void {
    this.#isClosed = true;
  }

  held(ms: number): void {
    this.maxHoldMs = Math.max(this.maxHoldMs, ms);
  }
}

/** A client that appends one unique value after the other, each once the one before was acknowledged. */
export interface Writer {
  readonly log: WriterLog;
  stop(): void;
}

/** The first word of an error reply, or all of one that a relay made up. */
export function errorKind(message: string): string {
  return message.startsWith('ERR') ? message.slice(0, 60) : (message.split(' ', 1)[0] ?? message);
}

/** An errno name where there is one. */
export function thrownKind(error: unknown): string {
  if (error instanceof Error && 'code' in error && typeof error.code === 'string') return error.code;
  return errorKind(error instanceof Error ? error.message : String(error));
}
