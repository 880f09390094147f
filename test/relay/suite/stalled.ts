import { eventually } from '../../support/index.ts';

/** Waits until a number no longer grows, and gives it. */
export async function stalled(look: () => number): Promise<number> {
  let last = -1;
  let sinceMs = performance.now();
  return await eventually(() => {
    const now = look();
    if (now !== last) {
      last = now;
      sinceMs = performance.now();
    }
    return performance.now() - sinceMs > 500 && now;
  });
}
