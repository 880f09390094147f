import { TunnelError } from '../errors.ts';

/**
 * Runs something that takes a signal, and aborts it `ms` milliseconds from now or when `parent` aborts,
 * whichever is first. The timer and the listener are gone when it settles, which `AbortSignal.any` on a
 * long-lived signal does not do on Node 20 and 22 (nodejs/node#54614).
 *
 * @throws TunnelError `ST_DEADLINE` when the time is up; the parent's own reason when the parent aborts
 */
export async function withDeadline<T>(
  parent: AbortSignal | undefined,
  ms: number,
  what: string,
  run: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  parent?.throwIfAborted();
  const controller = new AbortController();
  const follow = (): void => {
    controller.abort(parent?.reason);
  };
  parent?.addEventListener('abort', follow, { once: true });
  const timer = setTimeout(() => {
    controller.abort(new TunnelError('ST_DEADLINE', `${what} took longer than ${String(ms)} ms`));
  }, ms);
  try {
    return await run(controller.signal);
  } finally {
    clearTimeout(timer);
    parent?.removeEventListener('abort', follow);
  }
}

/**
 * Waits `ms` milliseconds.
 *
 * @throws the signal's reason, untouched, when it aborts first
 */
export function sleep(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve, reject) => {
    signal.throwIfAborted();
    const stop = (): void => {
      clearTimeout(timer);
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- a signal's reason passes through untouched
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', stop);
      resolve();
    }, ms);
    signal.addEventListener('abort', stop, { once: true });
  });
}
