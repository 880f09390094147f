/** A question that every thread answers once; the answers are put together. Whoever asks meanwhile gets the same. */
export class Question<A> {
  readonly #threads: number;
  readonly #add: (sum: A, answer: A) => A;
  readonly #nothing: A;
  /** Resolves when no thread will answer any more. */
  readonly #over: Promise<void>;
  #asked: Promise<A> | undefined;
  #answered: (answer: A) => void = () => undefined;

  constructor(threads: number, over: Promise<void>, nothing: A, add: (sum: A, answer: A) => A) {
    this.#threads = threads;
    this.#over = over;
    this.#nothing = nothing;
    this.#add = add;
  }

  /** @param send asks the threads */
  ask(send: () => void): Promise<A> {
    this.#asked ??= new Promise((resolve) => {
      let [left, sum] = [this.#threads, this.#nothing];
      this.#answered = (answer): void => {
        sum = this.#add(sum, answer);
        left -= 1;
        if (left > 0) return;
        this.#asked = undefined;
        resolve(sum);
      };
      send();
      void this.#over.then(() => {
        resolve(sum);
      });
    });
    return this.#asked;
  }

  answered(answer: A): void {
    this.#answered(answer);
  }
}
