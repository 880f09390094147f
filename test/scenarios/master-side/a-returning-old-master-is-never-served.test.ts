import assert from 'node:assert/strict';
import { test } from 'node:test';
import { eventually, serveThrough, startCluster, withoutLeaks } from '../../kit/index.ts';

test('an old master that comes back and says it is master is never served', async () => {
  await withoutLeaks(async () => {
    await using cluster = await startCluster({ downAfterMs: 500 });
    await using tunnel = await serveThrough(cluster, { database: { holdMs: 30_000 } });
    await cluster.kill(cluster.master);
    const promoted = await cluster.awaitNewMaster(cluster.master);
    await using session = await tunnel.connect(cluster.name, 30_000);
    assert.equal(await session.command('SET', 'key', 'kept'), 'OK');

    await cluster.restart(cluster.master);
    // For about ten seconds it believes in itself: until Sentinel makes a replica of it.
    await eventually(async () => {
      const role = await cluster.master.command('ROLE');
      return Array.isArray(role) && role[0] === 'master';
    });
    for (let count = 0; count < 50; count++) {
      await using client = await tunnel.connect(cluster.name);
      assert.deepEqual(await client.command('CONFIG', 'GET', 'port'), ['port', String(promoted.port)]);
    }
    const role = await cluster.master.command('ROLE');
    assert.ok(Array.isArray(role) && role[0] === 'master', 'it believed in itself all the while');
    assert.equal(await cluster.master.command('GET', 'key'), null);
    assert.equal(await session.command('GET', 'key'), 'kept');
  });
});
