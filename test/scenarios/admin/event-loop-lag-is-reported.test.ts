import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, clusterScenario, eventually } from '../../support/index.ts';

/** Observations of a loop's lag: all of them, and those above half a second. */
function lagOf(scrape: string, loop: string): { readonly all: number; readonly late: number } {
  const below = new RegExp(
    `^sentinel_tunnel_loop_lag_seconds_bucket\\{loop="${loop}",le="0.5"\\} (\\d+)$`,
    'm',
  );
  const every = new RegExp(`^sentinel_tunnel_loop_lag_seconds_count\\{loop="${loop}"\\} (\\d+)$`, 'm');
  const all = Number(every.exec(scrape)?.[1] ?? NaN);
  return { all, late: all - Number(below.exec(scrape)?.[1] ?? NaN) };
}

for (const [engine, loops] of [
  ['epoll', ['main', 'relay thread 0', 'relay thread 1']],
  ['streams', ['main']],
] as const) {
  const skip = engine === 'epoll' && process.platform !== 'linux' && 'the epoll engine needs Linux';
  clusterScenario(
    `a standstill shows in how late the loops of ${engine} are`,
    {
      skip,
      cluster: { replicas: 0 },
      tunnel: {
        config: { admin: { listen: 0 }, engine, threads: engine === 'epoll' ? 2 : 1 },
      },
    },
    async ({ tunnel }) => {
      await tunnel.waitFor(({ event }) => event === 'admin.opened');
      const scrape = async (): Promise<string> => (await ask(tunnel.adminPort, '/metrics')).text;
      // Every loop beats, also where nothing happens.
      const before = await eventually(async () => {
        const text = await scrape();
        return loops.every((loop) => lagOf(text, loop).all >= 2) && text;
      });
      tunnel.freeze();
      await sleep(1_000);
      tunnel.thaw();
      await eventually(async () => {
        const text = await scrape();
        return loops.every((loop) => lagOf(text, loop).late > lagOf(before, loop).late);
      });
      assert.doesNotMatch(
        before,
        /nodejs_eventloop_lag/,
        'measured by waking the process a hundred times a second',
      );
    },
  );
}
