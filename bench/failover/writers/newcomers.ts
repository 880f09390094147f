import { ReplyError } from '../../../test/support/resp.ts';
import { nowMs } from '../../lib/clock.ts';
import { Connection } from './connection.ts';
import { errorKind, WriterLog } from './log.ts';
import type { Locate } from './plain.ts';

/** Few while there is no master: a tunnel that holds them has to dial for each, also for those who have given up. */
const everyMsBefore = 100;
/** Many once there is one: this is also how exactly the return of a relay that refuses them is known. */
const everyMsAfter = 20;
/** How long one of them waits for its reply: a frozen server would keep it for ever. */
const patienceMs = 500;

/** Clients that connect again all the time, write once and leave: what somebody sees who was not connected before. */
export class Newcomers {
  readonly log = new WriterLog('newcomers');
  readonly #locate: Locate;
  #timer: NodeJS.Timeout;
  #sequence = 0;

  constructor(locate: Locate) {
    this.#locate = locate;
    this.#timer = this.#comeEvery(everyMsBefore);
  }

  /** There is a new master. */
  promoted(): void {
    clearInterval(this.#timer);
    this.#timer = this.#comeEvery(everyMsAfter);
  }

  stop(): void {
    clearInterval(this.#timer);
  }

  #comeEvery(ms: number): NodeJS.Timeout {
    return setInterval(() => {
      this.#come();
    }, ms);
  }

  #come(): void {
    this.#sequence += 1;
    const value = String(this.#sequence);
    this.#locate().then(
      (port) => {
        this.#write(port, value);
      },
      () => {
        this.log.fault('no Sentinel names a master');
      },
    );
  }

  #write(port: number, value: string): void {
    const connection = new Connection(
      port,
      {
        reply: (reply, sentMs) => {
          if (reply instanceof ReplyError) this.log.fault(errorKind(reply.message));
          else this.log.acks.push({ value, sentMs, ackMs: nowMs(), port: connection.serverPort });
          leave();
        },
        closed: (kind) => {
          this.log.fault(kind);
          leave();
        },
      },
      (waitedMs) => {
        this.log.held(waitedMs);
      },
    );
    const timer = setTimeout(() => {
      this.log.fault(`no reply within ${patienceMs} ms`);
      leave();
    }, patienceMs);
    const leave = (): void => {
      clearTimeout(timer);
      connection.destroy();
    };
    connection.append(this.log.key, value);
  }
}
