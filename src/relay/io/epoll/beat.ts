import { performance } from 'node:perf_hooks';
import type { Lag } from '../../core/lag.ts';
import { checked, type Syscalls } from './syscalls.ts';

/** How often it is noticed that this process runs, in milliseconds. */
const beatMs = 250;

/** A timer of the kernel's, by which a thread notices that its process has stood still: then it has missed beats. */
export class Beat {
  /** Polls readable at every beat. Whoever watches it closes it. */
  readonly fd: number;
  readonly #sys: Pick<Syscalls, 'beats'>;
  readonly #lag: Lag;
  /** When the last beat was to come, on the clock of `performance.now`. */
  #lastMs: number;

  /**
   * @param lag is told how late the thread comes to its beats
   * @throws Error where there can be no such timer
   */
  constructor(sys: Pick<Syscalls, 'beat' | 'beats'>, lag: Lag) {
    this.#sys = sys;
    this.#lag = lag;
    this.fd = checked(sys.beat(beatMs), 'timerfd_create');
    this.#lastMs = performance.now();
  }

  /** @returns how many beats there have been since the last look, or a number below one */
  heard(): number {
    const beats = this.#sys.beats(this.fd);
    if (beats < 1) return beats;
    const nowMs = performance.now();
    this.#lag.beat(nowMs - this.#lastMs - beatMs);
    // The timer goes on while the machine sleeps, and this clock does not.
    this.#lastMs = Math.min(this.#lastMs + beats * beatMs, nowMs);
    return beats;
  }

  /**
   * Whether beats may have been missed since a moment on the clock of `Date.now`, without asking the kernel. Any clock that
   * jumps is reason to look.
   */
  mayBeMissed(lookedMs: number): boolean {
    const sinceMs = Date.now() - lookedMs;
    return sinceMs < 0 || sinceMs >= beatMs;
  }
}
