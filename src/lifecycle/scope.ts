/**
 * What an owner has opened, closed in reverse order.
 *
 * `close()` is idempotent and joins a close in flight. Every deferred step runs, also when one before it
 * throws; what was thrown comes out together at the end.
 */
export class Scope implements AsyncDisposable {
  readonly #steps: (() => Promise<void> | void)[] = [];
  #closing: Promise<void> | undefined;

  /** Adds a step to run at close. On a scope that is closed already it runs at once. */
  defer(step: () => Promise<void> | void): void {
    if (this.#closing) this.#closing = this.#closing.then(step);
    else this.#steps.push(step);
  }

  /** Adds something that can dispose of itself, and gives it back. */
  use<T extends AsyncDisposable>(resource: T): T {
    this.defer(async () => {
      await resource[Symbol.asyncDispose]();
    });
    return resource;
  }

  close(): Promise<void> {
    this.#closing ??= this.#unwind();
    return this.#closing;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #unwind(): Promise<void> {
    const thrown: unknown[] = [];
    for (let step = this.#steps.pop(); step; step = this.#steps.pop()) {
      try {
        await step();
      } catch (error) {
        thrown.push(error); // the remaining steps still have to run; thrown again below
      }
    }
    if (thrown.length === 1) throw thrown[0];
    if (thrown.length > 1) throw new AggregateError(thrown, 'Closing failed in several places');
  }
}
