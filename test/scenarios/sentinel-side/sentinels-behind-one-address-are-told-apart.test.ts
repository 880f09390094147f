import assert from 'node:assert/strict';
import {
  awaitServing,
  awaitSubscribed,
  Balancer,
  eventually,
  scenario,
  serveThrough,
  startCluster,
} from '../../support/index.ts';
import { name } from '../../support/trio.ts';

for (const leader of [0, 1, 2])
  scenario(
    `three Sentinels behind one address, number ${String(leader + 1)} leads a failover: it is fenced early`,
    async () => {
      await using cluster = await startCluster();
      await using balancer = await Balancer.start(cluster.sentinels);
      await using tunnel = await serveThrough({ name, seeds: [balancer.seed] });
      // Each at an address of its own, whichever of them the balancer leads to.
      const own = cluster.sentinels.map(({ port }) => `127.0.0.1:${String(port)}`);
      await awaitSubscribed(cluster.sentinels);
      const learnt = (): unknown[] => tunnel.events('sentinel.discovered').map(({ sentinel }) => sentinel);
      await eventually(() => own.filter((each) => learnt().includes(each)).length >= 2, { withinMs: 30_000 });

      const promoted = await cluster.failoverAndSettle(leader);
      await awaitServing(tunnel, name, promoted.port);
      await tunnel.waitFor(({ event, standing }) => event === 'master.serving' && standing === 'provisional');
      assert.equal(tunnel.events('master.fenced').length, 1, tunnel.log());
    },
  );
