import { Worker } from 'node:worker_threads';
import type { Promotion } from './prober-worker.ts';

/** Finds the instant of a promotion by asking the servers themselves, whatever Sentinels or relays say. */
export class Prober implements AsyncDisposable {
  readonly promotion: Promise<Promotion>;
  readonly #worker: Worker;

  constructor(replicaPorts: readonly number[], withinMs: number) {
    this.#worker = new Worker(new URL('./prober-worker.js', import.meta.url), { workerData: replicaPorts });
    this.promotion = new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`No replica was promoted within ${withinMs} ms`));
      }, withinMs);
      this.#worker.once('message', (promotion: Promotion) => {
        clearTimeout(timer);
        resolve(promotion);
      });
      this.#worker.once('error', (error) => {
        clearTimeout(timer);
        reject(error);
      });
    });
    this.promotion.catch(() => undefined); // whoever awaits it is told
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#worker.terminate();
  }
}
