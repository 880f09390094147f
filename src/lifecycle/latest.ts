/**
 * Runs one task at a time. Of those asked for meanwhile only the latest is run, and callers whose task it
 * replaced get the result of the one that ran.
 */
export class Latest<T> {
  #running: Promise<T> | undefined;
  #next: { task: () => Promise<T>; readonly done: Promise<T> } | undefined;

  run(task: () => Promise<T>): Promise<T> {
    if (!this.#running) return this.#start(task);
    if (this.#next) this.#next.task = task;
    else {
      const next = { task, done: this.#running.then(this.#startNext, this.#startNext) };
      this.#next = next;
    }
    return this.#next.done;
  }

  /** Resolves when nothing runs any more and nothing is asked for, whatever became of it. */
  async idle(): Promise<void> {
    for (let last = this.#last; last; last = this.#last) await Promise.allSettled([last]);
  }

  get #last(): Promise<T> | undefined {
    return this.#next?.done ?? this.#running;
  }

  readonly #startNext = (): Promise<T> => {
    const next = this.#next;
    this.#next = undefined;
    if (!next) throw new Error('Nothing is to be run');
    return this.#start(next.task);
  };

  #start(task: () => Promise<T>): Promise<T> {
    const running = task().finally(() => {
      if (this.#running === running) this.#running = undefined;
    });
    this.#running = running;
    return running;
  }
}
