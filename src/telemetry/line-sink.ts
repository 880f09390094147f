import { setTimeout as sleep } from 'node:timers/promises';
import { within } from '../lifecycle/within.ts';
import { fileTrouble } from './file-trouble.ts';
import type { Outlet } from './outlet.ts';

/** The most bytes that wait besides the write in progress, counted in characters. */
const mostWaitingBytes = 1024 * 1024;
/** The most bytes per write; a single line may be longer. */
const mostPerWrite = 64 * 1024;
/** How soon a write to a full terminal or pipe is retried, in milliseconds. */
const retryMs = 50;

/** Reports of a sink. */
export interface SinkCallbacks {
  /** Lines cannot be written: called once when that begins, with the reason for the end of a sentence. */
  troubled(why: string): void;
  /** Lines can be written again after some were dropped. */
  resumed(dropped: number, why: string): void;
}

/**
 * Writes lines to an outlet, in order, one write at a time. `add` never waits: lines beyond the limit are dropped and counted.
 */
export class LineSink {
  readonly #callbacks: SinkCallbacks;
  #outlet: Outlet;
  #waiting: string[] = [];
  #waitingBytes = 0;
  #writing: Promise<void> | undefined;
  /** The pending writes to the previous outlet. */
  #previous: Promise<void> | undefined;
  /** Lines dropped since the last report, and the latest reason. */
  #unreported = 0;
  #reason = '';
  #isFull = false;
  #isClosed = false;
  /** Why lines are not written; `undefined` while they are. */
  trouble: string | undefined;
  /** All dropped lines. */
  dropped = 0;

  constructor(outlet: Outlet, callbacks: SinkCallbacks) {
    this.#outlet = outlet;
    this.#callbacks = callbacks;
  }

  /** Whether a write to the previous outlet is still pending. */
  get isPreviousBusy(): boolean {
    return this.#previous !== undefined;
  }

  add(line: string): void {
    if (this.#isClosed) return;
    if (this.#isFull || this.#waitingBytes + line.length > mostWaitingBytes) {
      // Drop until half the limit is free: one gap instead of many.
      this.#isFull = true;
      this.#drop(1, this.#outlet.slowness);
      return;
    }
    this.#waiting.push(line);
    this.#waitingBytes += line.length;
    this.#writing ??= this.#write();
  }

  /** Switches to another outlet. The previous one is closed once its pending write has ended. */
  redirect(outlet: Outlet): void {
    const writing = this.#writing;
    const before = this.#outlet;
    this.#outlet = outlet;
    this.#isFull = false;
    if (writing) {
      const previous = writing.finally(() => {
        if (this.#previous === previous) this.#previous = undefined;
      });
      this.#previous = previous;
      this.#writing = undefined;
    } else before.close();
    if (this.#waiting.length > 0) this.#writing = this.#write();
    else this.#report();
  }

  /** Resolves when the previous outlet has no pending write, or after `ms` milliseconds. */
  async previous(ms: number): Promise<void> {
    if (this.#previous) await within(ms, this.#previous);
  }

  /**
   * Writes the waiting lines, and accepts no more.
   *
   * @param withinMs deadline in milliseconds; lines that are not written by then are lost
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

  /** Writes to the present outlet until no line waits, or another outlet replaces it. */
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
        await sleep(retryMs);
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

/** @returns how many of the lines were not written whole */
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
  return isUnread ? 'its reader is gone' : fileTrouble(error, 'it is gone');
}
