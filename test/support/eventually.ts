import { setTimeout as sleep } from 'node:timers/promises';

/**
 * How long a test waits for a fact that is to come, in milliseconds. Far longer than it takes on a machine that is busy
 * with other things too; where the fact comes this costs nothing.
 */
export const patienceMs = 30_000;

export interface EventuallyOptions {
  /** The deadline in milliseconds; `patienceMs` without it. */
  readonly withinMs?: number;
  /** The pause between two looks, in milliseconds. */
  readonly everyMs?: number;
}

/** What a look gives once it is more than "not yet". */
export type Found<T> = Exclude<T, false | null | undefined>;

/**
 * Looks again and again until the look gives a fact: anything but `false`, `null` or `undefined`. A look that
 * throws is "not yet" too; the last such failure is the cause of the error when the time is up.
 */
export async function eventually<T>(
  look: () => T | Promise<T>,
  { withinMs = patienceMs, everyMs = 20 }: EventuallyOptions = {},
): Promise<Found<T>> {
  const until = performance.now() + withinMs;
  for (;;) {
    let last: string;
    let cause: unknown;
    try {
      const seen = await look();
      if (isFact(seen)) return seen;
      last =
        seen === undefined
          ? 'undefined (return the fact; assertions belong into eventuallyPasses)'
          : String(seen);
    } catch (error) {
      cause = error;
      last = error instanceof Error ? error.message : String(error);
    }
    if (performance.now() >= until) {
      throw new Error(`Not so within ${withinMs} ms: the last look gave: ${last}`, { cause });
    }
    await sleep(everyMs);
  }
}

/** Runs assertions again and again until they pass. */
export async function eventuallyPasses(
  assertions: () => void | Promise<void>,
  options?: EventuallyOptions,
): Promise<void> {
  await eventually(async () => {
    await assertions();
    return true;
  }, options);
}

function isFact<T>(seen: T): seen is Found<T> {
  return seen !== false && seen !== null && seen !== undefined;
}
