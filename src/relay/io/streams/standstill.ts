import { Lag } from '../../core/lag.ts';
import type { CatchUp } from '../../core/stood.ts';

/** How often it is noticed that the process runs, in milliseconds. */
const beatMs = 250;
/** A beat that is late by so much was not merely delayed by work, in milliseconds. */
const lateMs = 500;

/**
 * Notices that this process has stood still (SIGSTOP, a paused virtual machine), or this thread in it, by a timer that rings late. Until what is
 * believed has been brought up to date nothing is to be relayed.
 */
export class Standstill {
  readonly #catchUp: CatchUp;
  readonly #turned: (isOver: boolean) => void;
  readonly #timer: NodeJS.Timeout;
  /** How late the timer rings. */
  readonly lag = new Lag();
  #lastMs = performance.now();
  #isGoingOn = false;

  /**
   * @param catchUp brings what is believed up to date
   * @param turned is told that a standstill was noticed, and then that it is over
   */
  constructor(catchUp: CatchUp, turned: (isOver: boolean) => void) {
    this.#catchUp = catchUp;
    this.#turned = turned;
    this.#timer = setInterval(() => {
      if (!this.isNoticed()) this.#beat();
    }, beatMs);
    this.#timer.unref();
  }

  /** Whether nothing is to be relayed now. What came in during a standstill may be read before any timer rings. */
  isNoticed(): boolean {
    if (!this.#isGoingOn && performance.now() - this.#lastMs > beatMs + lateMs) void this.#wait();
    return this.#isGoingOn;
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    const nowMs = performance.now();
    this.lag.beat(nowMs - this.#lastMs - beatMs);
    this.#lastMs = nowMs;
  }

  async #wait(): Promise<void> {
    this.#isGoingOn = true;
    this.#beat();
    this.#turned(false);
    await this.#catchUp('process');
    this.#lastMs = performance.now();
    this.#isGoingOn = false;
    this.#turned(true);
  }
}
