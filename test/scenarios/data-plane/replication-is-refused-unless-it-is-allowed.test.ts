import assert from 'node:assert/strict';
import { eventually, RedisProcess, scenario, serveThrough, startCluster } from '../../support/index.ts';

const refused = /carries no replication: point "replicaof" at the master itself, or set "allowReplication"/;

scenario(
  'replicaof pointed at the tunnel is refused with the reason, and works where the listener allows it',
  async () => {
    await using cluster = await startCluster({ replicas: 1 });
    const listen = ['127.0.0.1:0', { address: '127.0.0.1:0', allowReplication: true }];
    await using tunnel = await serveThrough(cluster, { database: { listen } });
    const [closed = 0, open = 0] = tunnel
      .events('listener.opened')
      .map(({ address }) => Number(String(address).split(':').at(-1)));
    await using stranger = await RedisProcess.start();
    await stranger.command('SET', 'own', 'kept');
    await cluster.master.command('SET', 'key', 'value');
    const before = await replicasOf(cluster.sentinels[0]);

    await stranger.command('REPLICAOF', '127.0.0.1', closed);
    // Its first tries are over, and it goes on trying.
    await eventually(() => tunnel.events('session.refused').length >= 3, { withinMs: 20_000 });
    assert.match(stranger.log(), refused);
    for (const { reason } of tunnel.events('session.refused')) assert.match(String(reason), refused);
    assert.equal((await stranger.info('replication')).get('master_link_status'), 'down');
    assert.equal(await stranger.command('GET', 'own'), 'kept');
    assert.equal((await cluster.master.info('replication')).get('connected_slaves'), '1');
    assert.deepEqual(await replicasOf(cluster.sentinels[0]), before);

    await stranger.command('REPLICAOF', '127.0.0.1', open);
    await eventually(async () => (await stranger.command('GET', 'key')) === 'value', { withinMs: 20_000 });
    await cluster.master.command('SET', 'key', 'later');
    await eventually(async () => (await stranger.command('GET', 'key')) === 'later');
    assert.equal((await stranger.info('replication')).get('master_link_status'), 'up');
  },
);

async function replicasOf(sentinel: RedisProcess | undefined): Promise<unknown> {
  const replicas = await sentinel?.command('SENTINEL', 'REPLICAS', 'mymaster');
  assert.ok(Array.isArray(replicas));
  return replicas.map((fields) => (fields as readonly unknown[])[1]);
}
