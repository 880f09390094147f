import type { TestContext } from 'node:test';

/** A clock that stands still until a test lets time pass. */
export interface Clock {
  /** Lets so many milliseconds pass, and runs the timers that are due. */
  pass(ms: number): void;
}

/** Stops `setTimeout`, `setInterval` and `performance.now()` until the end of a test. */
export function stopClock(t: TestContext): Clock {
  let nowMs = performance.now();
  t.mock.timers.enable({ apis: ['setTimeout', 'setInterval'] });
  t.mock.method(performance, 'now', () => nowMs);
  return {
    pass(ms) {
      // Step by step, so that whoever looks at the time when a timer is due sees the right one.
      for (let left = ms; left > 0; left -= 1) {
        nowMs += Math.min(left, 1);
        t.mock.timers.tick(Math.min(left, 1));
      }
    },
  };
}

/** Lets everything run that waits for nothing but its turn. */
export async function settled(): Promise<void> {
  for (let turns = 0; turns < 5; turns += 1) await new Promise((resolve) => setImmediate(resolve));
}
