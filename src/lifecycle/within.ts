/**
 * Resolves with the task, or after `ms` milliseconds, or when `signal` aborts, whatever comes first. The task goes on.
 *
 * @throws what the task throws while it is waited for
 */
export async function within(ms: number, task: Promise<unknown>, signal?: AbortSignal): Promise<void> {
  let enough: () => void = () => undefined;
  const over = new Promise<void>((resolve) => (enough = resolve));
  const timer = setTimeout(enough, ms);
  signal?.addEventListener('abort', enough, { once: true });
  if (signal?.aborted) enough();
  try {
    await Promise.race([task, over]);
  } finally {
    clearTimeout(timer);
    signal?.removeEventListener('abort', enough);
  }
}
