import assert from 'node:assert/strict';
import { awaitServing, clusterScenario, Writer } from '../../support/index.ts';

clusterScenario(
  'a master that restarts before Sentinel misses it is served again at the same address',
  { cluster: { downAfterMs: 20_000, replicas: 1 } },
  async ({ cluster, tunnel }) => {
    await using idle = await tunnel.connect(cluster.name);
    assert.equal(await idle.command('PING'), 'PONG');
    await using writer = new Writer(tunnel.port(cluster.name), 'numbers');

    await cluster.restart(cluster.master);
    assert.ok(['fin', 'reset'].includes(await idle.closed));
    await awaitServing(tunnel, cluster.name, cluster.master.port);
    await using client = await tunnel.connect(cluster.name);
    assert.deepEqual(await client.command('CONFIG', 'GET', 'port'), ['port', String(cluster.master.port)]);
    await writer.stop();
    assert.ok(writer.errors.length <= 1, JSON.stringify(writer.errors));
    assert.deepEqual(tunnel.events('session.refused'), []);
  },
);
