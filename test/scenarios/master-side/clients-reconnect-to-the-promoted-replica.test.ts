import assert from 'node:assert/strict';
import { clusterScenario, eventually, Writer } from '../../support/index.ts';

clusterScenario(
  'after kill -9 of the master its clients are cut, held, and served by the promoted replica',
  { cluster: { downAfterMs: 1500 } },
  async ({ cluster, tunnel }) => {
    await using writer = new Writer(tunnel.port(cluster.name), 'numbers');
    await using subscriber = await tunnel.connect(cluster.name);
    await subscriber.command('SUBSCRIBE', 'news');
    await eventually(() => writer.acknowledged.length > 100);

    await cluster.kill(cluster.master);
    assert.ok(['fin', 'reset'].includes(await subscriber.closed));
    await using held = await tunnel.connect(cluster.name);
    const reply = held.command('SET', 'held', 'served');
    const promoted = await cluster.awaitNewMaster(cluster.master);
    assert.equal(await reply, 'OK');
    assert.equal(await promoted.command('GET', 'held'), 'served');

    const before = writer.acknowledged.length;
    await eventually(() => writer.acknowledged.length > before + 20);
    await writer.stop();
    assert.equal(writer.errors.length, 1, JSON.stringify(writer.errors));
    assert.deepEqual(tunnel.events('session.refused'), []);
  },
);
