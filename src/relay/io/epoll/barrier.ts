import type { ThreadHandle } from './thread-handle.ts';

/** Resolves when every thread has passed it, or has ended. */
export class Barrier {
  readonly all: Promise<void>;
  readonly #left: Set<ThreadHandle>;
  #open: () => void = () => undefined;

  constructor(threads: readonly ThreadHandle[]) {
    this.#left = new Set(threads);
    this.all = new Promise((resolve) => {
      this.#open = resolve;
    });
    for (const thread of threads) {
      void thread.ended.then(() => {
        this.passed(thread);
      });
    }
  }

  passed(thread: ThreadHandle): void {
    this.#left.delete(thread);
    if (this.#left.size === 0) this.#open();
  }
}
