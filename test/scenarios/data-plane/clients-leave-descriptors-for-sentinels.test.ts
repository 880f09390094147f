import assert from 'node:assert/strict';
import type { Status } from '../../../src/admin/status.ts';
import {
  ask,
  awaitSubscribed,
  clusterScenario,
  descriptorsOf,
  eventually,
  failoverMs,
  lacksProc,
  Writer,
} from '../../support/index.ts';
import { hasRing } from '../../relay/io/epoll/engines.ts';

const limit = 160;

for (const engine of (await hasRing()) ? ['streams', 'epoll', 'io_uring'] : ['streams', 'epoll']) {
  clusterScenario(
    `${engine}: whatever clients there are, Sentinels that come back are heard, and the fence loses nothing`,
    {
      skip: lacksProc,
      cluster: { replicas: 2 },
      tunnel: {
        config: { engine, admin: { listen: 0 } },
        prefix: ['sh', '-c', `ulimit -n ${limit}; exec "$@"`, 'sh'],
      },
    },
    async ({ cluster, tunnel }) => {
      const few = await tunnel.waitFor(({ event }) => event === 'descriptors.few');
      const most = Number(few['connections']);
      assert.deepEqual([few['limit'], few['reserved']], [limit, limit - 2 * most]);
      const program = async (): Promise<Status> => (await ask(tunnel.adminPort, '/status')).json() as Status;
      const { descriptors } = (await program()).program;
      assert.deepEqual(descriptors, { limit, reserved: limit - 2 * most, connections: most });

      await using writer = new Writer(tunnel.port(cluster.name), 'w');
      await eventually(() => writer.acknowledged.length > 50);
      const idle = await Promise.all(Array.from({ length: 200 }, () => tunnel.connect(cluster.name)));
      await tunnel.waitFor(
        ({ event, reason }) =>
          String(reason).includes(`file descriptors for ${most} connections`) && event === 'session.refused',
      );
      await eventually(async () => (await program()).databases[0]?.counters?.open === most);

      for (const sentinel of cluster.sentinels) await cluster.kill(sentinel);
      await eventually(async () => (await program()).sentinels.every(({ state }) => state !== 'up'));
      const more = await Promise.all(Array.from({ length: 200 }, () => tunnel.connect(cluster.name)));
      for (const sentinel of cluster.sentinels) await cluster.restart(sentinel);
      await eventually(
        async () =>
          (await program()).sentinels.every(
            ({ state, subscription }) => state === 'up' && subscription === 'subscribed',
          ),
        { withinMs: failoverMs },
      );
      assert.ok((await descriptorsOf(tunnel.pid)) < limit);

      await awaitSubscribed(cluster.sentinels);
      const before = writer.acknowledged.length;
      await cluster.failover();
      const promoted = await cluster.awaitNewMaster(cluster.master);
      await eventually(() => writer.acknowledged.length > before + 500, { withinMs: failoverMs });
      await writer.stop();
      const members = await promoted.command('SMEMBERS', 'w');
      assert.ok(Array.isArray(members));
      assert.deepEqual(writer.lost(members), []);
      const events = tunnel.events().map(({ event }) => event);
      assert.deepEqual(
        events.filter(
          (event) => event === 'listener.paused' || event === 'dial.short' || event === 'master.lost',
        ),
        [],
      );
      await Promise.all([...idle, ...more].map((client) => client.close()));
    },
  );
}
