import { performance } from 'node:perf_hooks';
import type { Lag } from '../../../telemetry/lag.ts';
import { checked, type Syscalls } from '../../../os/syscalls.ts';

/** How often a thread notices that its process runs, in milliseconds. */
const heartbeatMs = 250;

/** A timer of the kernel, by which a thread notices that its process was suspended: then it has missed heartbeats. */
export class Heartbeat {
  /** Polls readable at every heartbeat. Closed by the loop that watches it. */
  readonly fd: number;
  readonly #sys: Pick<Syscalls, 'expirations'>;
  readonly #lag: Lag;
  /** When the last heartbeat was due, on the clock of `performance.now`. */
  #lastMs: number;

  /**
   * @param lag records how late the thread comes to its heartbeats
   * @throws Error where there can be no such timer
   */
  constructor(sys: Pick<Syscalls, 'timer' | 'expirations'>, lag: Lag) {
    this.#sys = sys;
    this.#lag = lag;
    this.fd = checked(sys.timer(heartbeatMs), 'timerfd_create');
    this.#lastMs = performance.now();
  }

  /** @returns how many heartbeats there have been since the last call, or a number below one */
  take(): number {
    const heartbeats = this.#sys.expirations(this.fd);
    if (heartbeats < 1) return heartbeats;
    const nowMs = performance.now();
    this.#lag.beat(nowMs - this.#lastMs - heartbeatMs);
    // The timer goes on while the machine sleeps, and this clock does not.
    this.#lastMs = Math.min(this.#lastMs + heartbeats * heartbeatMs, nowMs);
    return heartbeats;
  }

  /**
   * Whether heartbeats may have been missed since a moment on the clock of `Date.now`, without a system call. A clock that jumps is
   * a reason to look.
   */
  mayBeMissed(sinceMs: number): boolean {
    const passedMs = Date.now() - sinceMs;
    return passedMs < 0 || passedMs >= heartbeatMs;
  }
}
