import { Worker } from 'node:worker_threads';
import type { WriterLog } from './writers/log.ts';
import type { FromWriters, ToWriters, WritersSpec } from './writers-worker.ts';

export interface Logs {
  readonly clients: readonly WriterLog[];
  /** Absent for libraries, for which connecting again is not a matter of a socket. */
  readonly newcomers?: WriterLog;
}

/** The clients of one trial, seen from the thread that runs it. */
export class Writers implements AsyncDisposable {
  readonly #worker: Worker;
  readonly #waiting = new Map<FromWriters['kind'], (message: FromWriters) => void>();
  readonly #failed: Promise<never>;

  constructor(spec: WritersSpec) {
    this.#worker = new Worker(new URL('./writers-worker.js', import.meta.url), { workerData: spec });
    this.#worker.on('message', (message: FromWriters) => {
      this.#waiting.get(message.kind)?.(message);
    });
    this.#failed = new Promise((_, reject) => this.#worker.once('error', reject));
    this.#failed.catch(() => undefined); // told to whoever waits, or to nobody
  }

  /** Whether every client has written for a while within this time. */
  warm(withinMs: number): Promise<boolean> {
    return this.#within('warm', withinMs);
  }

  /** From now on clients also connect again. */
  letNewcomersCome(): void {
    this.#tell({ kind: 'newcomers' });
  }

  /** Whether the latest write of every client was acknowledged by this server, within this time. */
  reach(port: number, withinMs: number): Promise<boolean> {
    const reached = this.#within('reached', withinMs);
    this.#tell({ kind: 'reach', port });
    return reached;
  }

  async stop(): Promise<Logs> {
    const logs = this.#next('logs');
    this.#tell({ kind: 'stop' });
    const message = await Promise.race([logs, this.#failed]);
    if (message.kind !== 'logs') throw new Error('Cannot read what the clients saw');
    return message;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }

  async #within(kind: FromWriters['kind'], withinMs: number): Promise<boolean> {
    let timer: NodeJS.Timeout | undefined;
    const late = new Promise<boolean>((resolve) => {
      timer = setTimeout(resolve, withinMs, false);
    });
    try {
      return await Promise.race([this.#next(kind).then(() => true), late, this.#failed]);
    } finally {
      clearTimeout(timer);
    }
  }

  #next(kind: FromWriters['kind']): Promise<FromWriters> {
    return new Promise((resolve) => this.#waiting.set(kind, resolve));
  }

  #tell(message: ToWriters): void {
    this.#worker.postMessage(message);
  }
}
