import { setTimeout as sleep } from 'node:timers/promises';
import { eventually } from './eventually.ts';
import { RespClient } from './resp-client.ts';

/** A failed write or connection of a writer. */
export interface WriterError {
  readonly atMs: number;
  readonly message: string;
}

/**
 * An application that writes without a pause: one command at a time, and on an error it reconnects at once. It
 * remembers what was acknowledged, so that what was lost can be counted afterwards.
 */
export class Writer implements AsyncDisposable {
  readonly key: string;
  /** The numbers whose write was acknowledged. */
  readonly acknowledged: number[] = [];
  readonly errors: WriterError[] = [];
  /** When the last acknowledgement came. */
  lastAckMs = 0;
  readonly #port: number;
  readonly #host: string;
  readonly #pauseMs: number;
  readonly #running: Promise<void>;
  #client: RespClient | undefined;
  #isStopped = false;

  constructor(port: number, key: string, pauseMs = 1, host = '127.0.0.1') {
    this.#port = port;
    this.#host = host;
    this.key = key;
    this.#pauseMs = pauseMs;
    this.#running = this.#run();
  }

  /** Returns when so many more writes have been acknowledged. */
  async awaitAcknowledged(more: number): Promise<void> {
    const before = this.acknowledged.length;
    await eventually(() => this.acknowledged.length >= before + more);
  }

  /** Ends after the write in flight. */
  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#running;
  }

  /** Which acknowledged writes a server does not have. */
  lost(members: readonly unknown[]): readonly number[] {
    const kept = new Set(members.map(Number));
    return this.acknowledged.filter((number) => !kept.has(number));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#isStopped = true;
    await this.#client?.close();
    await this.#running;
  }

  /** Asked again: it changes while a write is awaited. */
  #hasStopped(): boolean {
    return this.#isStopped;
  }

  async #run(): Promise<void> {
    for (let number = 1; !this.#isStopped; number++) {
      try {
        this.#client ??= await RespClient.connect(this.#port, { host: this.#host, deadlineMs: 30_000 });
        await this.#client.command('SADD', this.key, number);
        this.acknowledged.push(number);
        this.lastAckMs = performance.now();
      } catch (error) {
        if (this.#hasStopped()) break;
        this.errors.push({
          atMs: performance.now(),
          message: error instanceof Error ? error.message : String(error),
        });
        await this.#client?.close();
        this.#client = undefined;
      }
      await sleep(this.#pauseMs);
    }
    await this.#client?.close();
  }
}
