import assert from 'node:assert/strict';
import { clusterScenario } from '../../support/index.ts';

clusterScenario(
  'an old master that comes back and says it is master is never served',
  { cluster: { downAfterMs: 1500 } },
  async ({ cluster, tunnel }) => {
    await cluster.kill(cluster.master);
    const promoted = await cluster.awaitNewMaster(cluster.master);
    await using session = await tunnel.connect(cluster.name);
    assert.equal(await session.command('SET', 'key', 'kept'), 'OK');

    await cluster.restart(cluster.master);
    // For about ten seconds it believes in itself: until Sentinel makes a replica of it.
    const believes = async (): Promise<boolean> => {
      const role = await cluster.master.command('ROLE');
      return Array.isArray(role) && role[0] === 'master';
    };
    assert.ok(await believes());
    assert.equal(await cluster.master.command('GET', 'key'), null);
    for (let count = 0; count < 50 && (await believes()); count++) {
      await using client = await tunnel.connect(cluster.name);
      assert.deepEqual(await client.command('CONFIG', 'GET', 'port'), ['port', String(promoted.port)]);
    }
    assert.equal(await session.command('GET', 'key'), 'kept');
  },
);
