import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../lifecycle/within.ts';
import { fileTrouble } from './file-trouble.ts';
import type { Outlet } from './outlet.ts';

/** What may wait to be written, beyond what is being written, in bytes of UTF-8 as far as lines are ASCII. */
const mostWaitingBytes = 1024 * 1024;
/** One write, in bytes; a single line may be longer. */
const mostPerWrite = 64 * 1024;
/** How soon it is tried again where a terminal or a pipe has no room, in milliseconds. */
const againMs = 50;

/** What a sink tells of its fate. */
export interface SinkCallbacks {
  /** Lines cannot be written: why, as the end of a sentence. Told when it begins. */
  troubled(why: string): void;
  /** Lines have been dropped, and there is room again. */
  resumed(dropped: number, why: string): void;
}

/**
 * Lines on their way to an outlet, in order, one write at a time. Whoever adds one never waits: what does not fit is dropped and
 * counted.
 */
export class LineSink {
  readonly #callbacks: SinkCallbacks;
  #outlet: Outlet;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  /** The end of writes to an outlet of before. */
  #previous: Promise<void> | undefined;
  /** Dropped since the last report, and why the last of them was. */
  #unreported = 0;
  #reason = '';
  #isFull = false;
  #isClosed = false;
  /** Why the last line was not written, where it was not. */
  trouble: string | undefined;
  /** Lines that were not written, ever. */
  dropped = 0;

  constructor(outlet: Outlet, callbacks: SinkCallbacks) {
    this.#outlet = outlet;
    this.#callbacks = callbacks;
  }

  /** Whether an outlet of before still has not taken what it was given. */
  get isPreviousBusy(): boolean {
    return this.#previous !== undefined;
  }

  add(line: string): void {
    if (this.#isClosed) return;
    if (this.#isFull || this.#waitingBytes + line.length > mostWaitingBytes) {
      // What follows is dropped too, until there is room for more than the next line: one gap instead of many.
      this.#isFull = true;
      this.#drop(1, this.#outlet.slowness);
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    this.#writing ??= this.#write();
  }

  /** Goes on with another outlet. The one of before is closed as soon as it has taken what it was given. */
  redirect(outlet: Outlet): void {
    const writing = this.#writing;
    const before = this.#outlet;
    this.#outlet = outlet;
    this.#isFull = false;
    if (writing) {
      const former = writing.finally(() => {
        if (this.#previous === former) this.#previous = undefined;
      });
      this.#previous = former;
      this.#writing = undefined;
    } else before.close();
    if (this.#waiting.length > 0) this.#writing = this.#write();
    else this.#report();
  }

  /** Resolves when the outlet of before has taken what it was given, or `ms` milliseconds have passed. */
  async previous(ms: number): Promise<void> {
    if (this.#previous) await within(ms, this.#previous);
  }

  /**
   * Writes what waits, and takes no more.
   *
   * @param withinMs what it may take, in milliseconds; what is not written then is lost
   */
  async close(withinMs: number): Promise<void> {
    if (this.#isClosed) return;
    const written = async (): Promise<void> => {
      while (this.#writing) await this.#writing;
    };
    await within(withinMs, Promise.all([written(), this.#previous]));
    this.#isClosed = true;
    this.#waiting = [];
    if (!this.#writing) this.#outlet.close();
  }

  /** Writes to the present outlet until nothing waits, or another one takes its place. */
  async #write(): Promise<void> {
    const outlet = this.#outlet;
    while (this.#isPresent(outlet) && this.#waiting.length > 0) {
      const lines = this.#take();
      const bytes = Buffer.from(lines.join(''));
      const { written, why } = await this.#writeAll(outlet, bytes);
      this.#settle(outlet, lines, bytes.subarray(written), why);
    }
    if (this.#outlet === outlet) this.#writing = undefined;
    if (!this.#isPresent(outlet)) outlet.close();
  }

  #isPresent(outlet: Outlet): boolean {
    return this.#outlet === outlet && !this.#isClosed;
  }

  #take(): readonly string[] {
    let count = 0;
    let bytes = 0;
    while (count < this.#waiting.length && (count === 0 || bytes < mostPerWrite)) {
      bytes += this.#waiting[count]?.length ?? 0;
      count += 1;
    }
    this.#waitingBytes -= bytes;
    return this.#waiting.splice(0, count);
  }

  async #writeAll(outlet: Outlet, bytes: Uint8Array): Promise<{ written: number; why: string | undefined }> {
    let written = 0;
    while (written < bytes.length) {
      try {
        written += await outlet.write(bytes.subarray(written));
      } catch (error) {
        if (!isBusy(error)) return { written, why: whyLost(error) };
        if (!this.#isPresent(outlet)) return { written, why: outlet.slowness };
        await sleep(againMs);
      }
    }
    return { written, why: undefined };
  }

  #settle(outlet: Outlet, lines: readonly string[], left: Uint8Array, why: string | undefined): void {
    const hasRoom = this.#waitingBytes <= mostWaitingBytes / 2;
    if (hasRoom) this.#isFull = false;
    if (why !== undefined) this.#drop(countLines(lines, left), why);
    else if (hasRoom && this.#outlet === outlet) this.#report();
  }

  #report(): void {
    this.trouble = undefined;
    const count = this.#unreported;
    if (count === 0) return;
    this.#unreported = 0;
    this.#callbacks.resumed(count, this.#reason);
  }

  #drop(count: number, why: string): void {
    this.dropped += count;
    this.#unreported += count;
    this.#reason = why;
    if (this.trouble === undefined && !this.#isClosed) this.#callbacks.troubled(why);
    this.trouble = why;
  }
}

/** How many of the lines are not whole among what was written. */
function countLines(lines: readonly string[], left: Uint8Array): number {
  let bytes = left.length;
  let count = 0;
  for (let at = lines.length - 1; at >= 0 && bytes > 0; at -= 1) {
    bytes -= Buffer.byteLength(lines[at] ?? '');
    count += 1;
  }
  return count;
}

function isBusy(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'EAGAIN';
}

function whyLost(error: unknown): string {
  const isUnread = error instanceof Error && 'code' in error && error.code === 'EPIPE';
  return isUnread ? 'its reader has gone' : fileTrouble(error, 'it is gone');
}
