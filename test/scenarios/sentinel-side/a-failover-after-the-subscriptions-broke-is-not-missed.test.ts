import assert from 'node:assert/strict';
import { awaitServing, awaitSubscribed, clusterScenario } from '../../support/index.ts';
import { isAlive } from '../../support/trio.ts';

clusterScenario(
  'a failover that begins while no subscription stands is found by asking',
  { cluster: { replicas: 1 }, isSubscribed: true },
  async ({ cluster, tunnel }) => {
    await using session = await tunnel.connect(cluster.name);
    assert.ok(await isAlive(session));

    const killed = await Promise.all(
      cluster.sentinels.map((sentinel) => sentinel.command('CLIENT', 'KILL', 'TYPE', 'pubsub')),
    );
    assert.ok(
      killed.every((count) => Number(count) >= 1),
      String(killed),
    );
    await cluster.failover(0);
    await awaitServing(tunnel, cluster.name, cluster.replica(0).port);
    assert.notEqual(await session.closed, 'local');
    await using after = await tunnel.connect(cluster.name);
    assert.equal(await after.command('SET', 'key', 'value'), 'OK');
    // Subscribed again: the word of the leader that comes last is heard.
    await awaitSubscribed(cluster.sentinels);
    assert.ok(await isAlive(after));
  },
);
