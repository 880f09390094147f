import { ReplyError } from '../../../test/support/resp.ts';
import { nowMs } from '../../lib/clock.ts';
import { Connection } from './connection.ts';
import { errorKind, thrownKind, WriterLog, type Writer } from './log.ts';

/** Where the next connection should go: a fixed port, or what a Sentinel says now. */
export type Locate = () => Promise<number>;

/** A client without back-off to speak of: a connection lost is replaced at once, one refused after `retryMs`. */
export class PlainWriter implements Writer {
  readonly log: WriterLog;
  readonly #locate: Locate;
  readonly #pauseMs: number;
  readonly #retryMs: number;
  #connection: Connection | undefined;
  #sequence = 0;
  #timer: NodeJS.Timeout | undefined;
  #isStopped = false;

  constructor(key: string, locate: Locate, { pauseMs, retryMs }: { pauseMs: number; retryMs: number }) {
    this.log = new WriterLog(key);
    this.#locate = locate;
    this.#pauseMs = pauseMs;
    this.#retryMs = retryMs;
    this.#open();
  }

  stop(): void {
    this.#isStopped = true;
    clearTimeout(this.#timer);
    this.#connection?.destroy();
  }

  #open(): void {
    this.#locate().then(
      (port) => {
        if (!this.#isStopped) this.#connect(port);
      },
      (error: unknown) => {
        this.log.fault(thrownKind(error));
        this.#later(this.#retryMs, () => {
          this.#open();
        });
      },
    );
  }

  #connect(port: number): void {
    let value = '';
    const connection = new Connection(
      port,
      {
        reply: (reply, sentMs) => {
          if (reply instanceof ReplyError) this.log.fault(errorKind(reply.message));
          else this.log.acks.push({ value, sentMs, ackMs: nowMs(), port: connection.serverPort });
          this.#later(this.#pauseMs, () => {
            value = this.#next();
            connection.append(this.log.key, value);
          });
        },
        closed: (kind, served) => {
          if (this.#isStopped) return;
          this.log.fault(kind);
          this.#later(served ? 0 : this.#retryMs, () => {
            this.#open();
          });
        },
      },
      (waitedMs) => {
        this.log.held(waitedMs);
      },
    );
    this.#connection = connection;
    value = this.#next();
    connection.append(this.log.key, value);
  }

  #next(): string {
    this.#sequence += 1;
    return String(this.#sequence);
  }

  /** One thing is waited for at a time: a lost connection also ends the pause before its next write. */
  #later(ms: number, act: () => void): void {
    if (this.#isStopped) return;
    clearTimeout(this.#timer);
    if (ms === 0) setImmediate(act);
    else this.#timer = setTimeout(act, ms);
  }
}
