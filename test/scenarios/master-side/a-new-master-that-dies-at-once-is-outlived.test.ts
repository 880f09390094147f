import assert from 'node:assert/strict';
import { clusterScenario, eventually } from '../../support/index.ts';

clusterScenario(
  'when the promoted replica dies at once, clients are held until Sentinel finds another master',
  { cluster: { downAfterMs: 1500, failoverTimeoutMs: 3000 } },
  async ({ cluster, tunnel }) => {
    await cluster.failover();
    const serving = await tunnel.waitFor(
      ({ event, generation }) => event === 'master.serving' && Number(generation) > 1,
      { everyMs: 2 },
    );
    const doomed = cluster.servers.find(({ port }) => String(serving['endpoint']).endsWith(`:${port}`));
    assert.ok(doomed && doomed !== cluster.master);
    await cluster.kill(doomed);
    // Confirmed by now or not: it is not called served while nobody can be served by it.
    const lost = await tunnel.waitFor(
      ({ event, reason }) => event === 'master.lost' && String(reason).includes(`:${doomed.port}`),
    );
    assert.match(String(lost['reason']), /cannot be used: /);

    await using held = await tunnel.connect(cluster.name);
    const reply = await held.command('CONFIG', 'GET', 'port');
    assert.ok(Array.isArray(reply) && reply[1] !== String(doomed.port));
    await eventually(async () => {
      const master = await cluster.masterNow();
      await using client = await tunnel.connect(cluster.name);
      const answer = await client.command('CONFIG', 'GET', 'port');
      return Array.isArray(answer) && answer[1] === String(master.port);
    });
    assert.deepEqual(tunnel.events('session.refused'), []);
  },
);
