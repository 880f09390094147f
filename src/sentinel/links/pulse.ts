/**
 * Runs something again and again. Each run says how long to wait for the next one; `wake` shortens that wait, but runs
 * never begin closer together than a floor. A wake during a run causes one more run after it.
 */
export class Pulse {
  readonly #floorMs: number;
  readonly #run: () => Promise<number>;
  #timer: NodeJS.Timeout | undefined;
  #begunMs = -Infinity;
  #isRunning = false;
  #isWoken = false;
  #isClosed = false;

  /**
   * @param floorMs the shortest time from the beginning of a run to that of the next, in milliseconds
   * @param run must not reject; returns the wait until the next run, in milliseconds
   */
  constructor(floorMs: number, run: () => Promise<number>) {
    this.#floorMs = floorMs;
    this.#run = run;
  }

  start(): void {
    this.wake();
  }

  wake(): void {
    if (this.#isRunning) this.#isWoken = true;
    else this.#schedule(0);
  }

  close(): void {
    this.#isClosed = true;
    clearTimeout(this.#timer);
  }

  #schedule(ms: number): void {
    if (this.#isClosed) return;
    clearTimeout(this.#timer);
    const sinceMs = performance.now() - this.#begunMs;
    const waitMs = Math.max(ms, this.#floorMs - sinceMs);
    if (waitMs <= 0) void this.#runOnce();
    else this.#timer = setTimeout(() => void this.#runOnce(), waitMs);
  }

  async #runOnce(): Promise<void> {
    this.#isRunning = true;
    this.#begunMs = performance.now();
    const waitMs = await this.#run();
    this.#isRunning = false;
    this.#schedule(this.#takeWake() ? 0 : waitMs);
  }

  #takeWake(): boolean {
    const isWoken = this.#isWoken;
    this.#isWoken = false;
    return isWoken;
  }
}
