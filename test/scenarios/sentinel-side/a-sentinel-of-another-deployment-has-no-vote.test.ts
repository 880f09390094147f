import assert from 'node:assert/strict';
import {
  awaitSubscribed,
  clusterScenario,
  eventually,
  RedisProcess,
  scenario,
  serveThrough,
  startCluster,
  type Cluster,
} from '../../support/index.ts';
import { isAlive, name } from '../../support/trio.ts';

/**
 * The same name, another master, a newer epoch, and none of ours among those that it knows. It may not be told of them
 * either, or the two deployments would soon become one for the Sentinels themselves: each greets all that it knows by
 * PUBLISH.
 */
async function foreignSentinel(port: number, master: RedisProcess): Promise<RedisProcess> {
  return await RedisProcess.start({
    sentinel: true,
    port,
    config: [
      'user default on nopass ~* &* +@all -publish',
      'sentinel current-epoch 57',
      `sentinel monitor ${name} 127.0.0.1 ${String(master.port)} 1`,
      `sentinel config-epoch ${name} 57`,
    ],
  });
}

async function staysWithItsDeployment(cluster: Cluster, seeds: readonly string[]): Promise<void> {
  await using foreign = await RedisProcess.start();
  await foreign.command('SET', 'who', 'foreign');
  await cluster.master.command('SET', 'who', 'ours');
  const config = { sentinel: { pollMs: 100 }, admin: { listen: '127.0.0.1:0' } };
  await using tunnel = await serveThrough({ name, seeds }, { config });
  await awaitSubscribed(cluster.sentinels);
  const clients = await Promise.all(Array.from({ length: 5 }, () => tunnel.connect(name)));
  assert.ok(await isAlive(clients[0] ?? assert.fail()));

  const recycled = cluster.sentinel(2);
  await recycled.kill();
  await using stranger = await foreignSentinel(recycled.port, foreign);
  const told = await tunnel.waitFor(({ event }) => event === 'sentinel.stranger', { withinMs: 30_000 });
  assert.equal(told['sentinel'], `127.0.0.1:${String(recycled.port)}`);
  assert.equal(told['id'], await stranger.command('SENTINEL', 'MYID'));
  assert.equal(told['names'], `127.0.0.1:${String(foreign.port)}`);

  for (const client of clients) {
    assert.ok(await isAlive(client), 'a client was cut');
    assert.equal(await client.command('GET', 'who'), 'ours');
    await client.close();
  }
  await using later = await tunnel.connect(name);
  await later.command('SET', 'written', 'ours');
  assert.equal(await cluster.master.command('GET', 'written'), 'ours');
  assert.equal(await foreign.command('EXISTS', 'written'), 0);
  assert.equal(tunnel.events('master.serving').length, 1, tunnel.log());
  assert.equal(tunnel.events('sentinel.stranger').length, 1, tunnel.log());

  // The two that are left still fail over, and are followed.
  const promoted = await cluster.failoverAndSettle(0);
  await eventually(async () => (await tunnel.connect(name).then((client) => client.command('INFO'))) !== '');
  await using client = await tunnel.connect(name);
  await client.command('SET', 'after', 'ours');
  assert.equal(await promoted.command('GET', 'after'), 'ours');
}

scenario('a foreign Sentinel at the address of a configured one leads nobody astray', async () => {
  await using cluster = await startCluster();
  await staysWithItsDeployment(cluster, cluster.seeds);
});

scenario('a foreign Sentinel at the address of one that was only learnt leads nobody astray', async () => {
  await using cluster = await startCluster();
  await staysWithItsDeployment(cluster, cluster.seeds.slice(0, 2));
});

clusterScenario(
  'a Sentinel that has lost its file counts again at once: it names the master that is known',
  { tunnel: { config: { sentinel: { pollMs: 100 } } }, isSubscribed: true },
  async ({ cluster, tunnel }) => {
    const lost = cluster.sentinel(2);
    await lost.kill();
    await using renewed = await RedisProcess.start({
      sentinel: true,
      port: lost.port,
      config: [`sentinel monitor ${name} 127.0.0.1 ${String(cluster.master.port)} 2`],
    });
    const key = `127.0.0.1:${String(lost.port)}`;
    await eventually(
      () => tunnel.events('sentinel.up').filter(({ sentinel }) => sentinel === key).length === 2,
    );
    await awaitSubscribed([renewed]);
    // Two of three have to agree: were the renewed one not counted, nobody would fail over with the second gone.
    await eventually(async () =>
      String(await renewed.command('SENTINEL', 'CKQUORUM', name)).startsWith('OK 3'),
    );
    await using client = await tunnel.connect(name);
    assert.equal(await client.command('PING'), 'PONG');
    await eventually(
      async () => {
        try {
          return (await renewed.command('SENTINEL', 'FAILOVER', name)) === 'OK';
        } catch {
          return false; // it has yet to look at the replicas
        }
      },
      { withinMs: 60_000 },
    );
    await tunnel.waitFor(({ event, reason }) => event === 'master.fenced' && String(reason).includes(key));
    assert.equal(tunnel.events('sentinel.stranger').length, 0, tunnel.log());
  },
);
