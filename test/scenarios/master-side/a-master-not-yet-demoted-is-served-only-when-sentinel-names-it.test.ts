import assert from 'node:assert/strict';
import {
  awaitServing,
  clusterScenario,
  eventually,
  isReplyError,
  type RedisProcess,
} from '../../support/index.ts';

async function saysMaster(server: RedisProcess): Promise<boolean> {
  const role = await server.command('ROLE');
  return Array.isArray(role) && role[0] === 'master';
}

clusterScenario(
  'after a failover back to a master that nobody has demoted yet it is served once Sentinel names it',
  { cluster: { replicas: 1 } },
  async ({ cluster, tunnel }) => {
    const first = cluster.master;
    const second = await cluster.failoverAndSettle();
    await awaitServing(tunnel, cluster.name, second.port);
    // Nobody has told it yet: Sentinel waits some eight seconds before it makes a replica of an old master.
    assert.ok(await saysMaster(first));
    await eventually(async () => {
      try {
        await cluster.failover();
        return true;
      } catch (error) {
        if (isReplyError(error, 'NOGOODSLAVE')) return false; // it has not looked at its new replica yet
        throw error;
      }
    });
    assert.ok(await saysMaster(first));
    await cluster.awaitMaster(first.port);
    await awaitServing(tunnel, cluster.name, first.port);

    const served = tunnel
      .events('master.serving')
      .filter(({ endpoint }) => String(endpoint).endsWith(`:${String(first.port)}`));
    // The first was its time as the first master.
    assert.deepEqual(
      served.map(({ standing }) => standing),
      ['confirmed', 'confirmed'],
    );
  },
);
