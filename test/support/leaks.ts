import { childrenAlive } from './child.ts';
import { eventuallyPasses, patienceMs } from './eventually.ts';

/** What a test must give back. The runner's own files, pipes and ticks come and go and are not looked at. */
const kinds = new Set(['TCPSocketWrap', 'TCPServerWrap', 'UDPWrap', 'ProcessWrap', 'Timeout', 'MessagePort']);

/**
 * Runs a test's body and fails when it leaves a socket, listener, timer, worker or child behind.
 *
 * @param withinMs how long what it has closed may take to be gone, in milliseconds
 */
export async function withoutLeaks(body: () => Promise<void>, withinMs = patienceMs): Promise<void> {
  const check = watch();
  try {
    await body();
  } catch (error) {
    check.stop();
    throw error; // what failed is more telling than what it left behind
  }
  await check.assertClean(withinMs);
}

function watch(): { assertClean: (withinMs: number) => Promise<void>; stop: () => void } {
  const before = open();
  const warnings: string[] = [];
  const collect = (warning: Error): void => {
    if (warning.name === 'MaxListenersExceededWarning') warnings.push(warning.message);
  };
  const stop = (): void => {
    process.off('warning', collect);
  };
  process.on('warning', collect);
  const assertClean = async (withinMs: number): Promise<void> => {
    try {
      await eventuallyPasses(
        () => {
          const left = [
            ...[...open()].filter(([kind, count]) => count > (before.get(kind) ?? 0)).map(describe),
            ...childrenAlive().map(({ name, pid }) => `${name} (pid ${pid})`),
            ...warnings,
          ];
          if (left.length > 0) throw new Error(`Left behind: ${left.join(', ')}`);
        },
        { withinMs },
      );
    } finally {
      stop();
    }
  };
  return { assertClean, stop };
}

function describe([kind, count]: readonly [string, number]): string {
  return `${kind} (${count} open)`;
}

function open(): Map<string, number> {
  const counts = new Map<string, number>();
  for (const kind of process.getActiveResourcesInfo()) {
    if (kinds.has(kind)) counts.set(kind, (counts.get(kind) ?? 0) + 1);
  }
  return counts;
}
