import { Lag } from '../../../telemetry/lag.ts';

/** How often it is noticed that the process runs, in milliseconds. */
const heartbeatMs = 250;
/** A heartbeat that is late by so much was not merely delayed by work, in milliseconds. */
const lateMs = 500;

/**
 * Notices that this process was stalled (SIGSTOP, a paused virtual machine), or this thread in it, by a timer that fires late. What
 * is known may be out of date then: nothing may be relayed until it has been brought up to date.
 */
export class StallDetector {
  readonly #catchUp: () => Promise<void>;
  readonly #began: () => void;
  readonly #timer: NodeJS.Timeout;
  /** How late the timer fires. */
  readonly lag = new Lag();
  #lastMs = performance.now();
  #isOpen = false;
  #waiting: (() => void)[] = [];

  /**
   * @param catchUp brings what is known up to date
   * @param began called when a stall was noticed
   */
  constructor(catchUp: () => Promise<void>, began: () => void) {
    this.#catchUp = catchUp;
    this.#began = began;
    this.#timer = setInterval(() => {
      if (!this.isStalled()) this.#beat();
    }, heartbeatMs);
    this.#timer.unref();
  }

  /** Whether nothing may be relayed now. What came in during a stall may be read before any timer fires. */
  isStalled(): boolean {
    if (!this.#isOpen && performance.now() - this.#lastMs > heartbeatMs + lateMs) void this.#wait();
    return this.#isOpen;
  }

  /** Calls back when the present stall is over. */
  whenOver(over: () => void): void {
    this.#waiting.push(over);
  }

  close(): void {
    clearInterval(this.#timer);
  }

  #beat(): void {
    const nowMs = performance.now();
    this.lag.beat(nowMs - this.#lastMs - heartbeatMs);
    this.#lastMs = nowMs;
  }

  async #wait(): Promise<void> {
    this.#isOpen = true;
    this.#beat();
    this.#began();
    await this.#catchUp();
    this.#lastMs = performance.now();
    this.#isOpen = false;
    for (const over of this.#waiting.splice(0)) over();
  }
}
