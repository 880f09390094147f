import assert from 'node:assert/strict';
import {
  awaitServing,
  clusterScenario,
  eventually,
  failoverMs,
  type Cluster,
  type RedisProcess,
  type TunnelProcess,
} from '../../support/index.ts';
import { isAlive } from '../../support/trio.ts';

/** Waits until this Sentinel has caught up, having had the time to mislead. */
async function caughtUp(sentinel: RedisProcess, master: RedisProcess): Promise<void> {
  await eventually(async () => {
    const answer = await sentinel.command('SENTINEL', 'get-master-addr-by-name', 'mymaster');
    return Array.isArray(answer) && answer[1] === String(master.port);
  });
}

/** Fails over by the first Sentinel, which may have to wait for the last failover to be over, and is followed. */
async function failOver(
  cluster: Cluster,
  tunnel: TunnelProcess,
  before: RedisProcess,
): Promise<RedisProcess> {
  const first = cluster.sentinel(0);
  await eventually(
    () => first.command('SENTINEL', 'FAILOVER', cluster.name).then((reply) => reply === 'OK'),
    {
      withinMs: failoverMs,
      everyMs: 500,
    },
  );
  const master = await eventually(async () => {
    const answer = await first.command('SENTINEL', 'get-master-addr-by-name', cluster.name);
    const port = Array.isArray(answer) ? answer[1] : undefined;
    return cluster.servers.find((server) => server !== before && String(server.port) === port);
  });
  await awaitServing(tunnel, cluster.name, master.port);
  return master;
}

clusterScenario(
  'a Sentinel that was frozen, or restarted with an old configuration, leads nobody back',
  { cluster: { failoverTimeoutMs: 3000 } },
  async ({ cluster, tunnel }, t) => {
    const behind = cluster.sentinel(2);
    let master = cluster.master;

    await t.test('frozen during a failover', async () => {
      cluster.freeze(behind);
      master = await failOver(cluster, tunnel, master);
      await using client = await tunnel.connect(cluster.name);
      assert.ok(await isAlive(client));
      cluster.thaw(behind);
      await caughtUp(behind, master);
      assert.ok(await isAlive(client));
    });

    await t.test('dead during a failover', async () => {
      await cluster.kill(behind);
      master = await failOver(cluster, tunnel, master);
      await using client = await tunnel.connect(cluster.name);
      assert.ok(await isAlive(client));
      await cluster.restart(behind);
      await caughtUp(behind, master);
      assert.ok(await isAlive(client));
    });

    const served = tunnel.events('master.serving').map(({ endpoint }) => endpoint);
    assert.equal(served.length, 3, `served in turn: ${served.join(', ')}`);
  },
);
