import assert from 'node:assert/strict';
import {
  awaitServing,
  awaitSubscribed,
  clusterScenario,
  eventually,
  RedisProcess,
  type Cluster,
} from '../../support/index.ts';

const name = 'mymaster';

/** Restarts a Sentinel so that it reports servers by name, as in a rolling restart with `announce-hostnames`. */
async function nameHosts(cluster: Cluster, index: number): Promise<RedisProcess> {
  const before = cluster.sentinel(index);
  const id = String(await before.command('SENTINEL', 'MYID'));
  await before.kill();
  const others = cluster.sentinels.filter((each) => each !== before);
  const known: string[] = [];
  for (const other of others)
    known.push(
      `sentinel known-sentinel ${name} 127.0.0.1 ${String(other.port)} ${String(await other.command('SENTINEL', 'MYID'))}`,
    );
  return await RedisProcess.start({
    sentinel: true,
    port: before.port,
    config: [
      'sentinel resolve-hostnames yes',
      'sentinel announce-hostnames yes',
      `sentinel myid ${id}`,
      `sentinel monitor ${name} localhost ${String(cluster.master.port)} 2`,
      `sentinel failover-timeout ${name} 5000`,
      ...cluster.replicas.map(({ port }) => `sentinel known-replica ${name} localhost ${String(port)}`),
      ...known,
    ],
  });
}

clusterScenario(
  'a master that some Sentinels report by address and some by name is one: no client is cut, and its failover is fenced early',
  { tunnel: { config: { sentinel: { pollMs: 100 } } }, isSubscribed: true },
  async ({ cluster, tunnel }) => {
    const clients = await Promise.all(Array.from({ length: 5 }, () => tunnel.connect(name)));
    await using third = await nameHosts(cluster, 2);
    await using second = await nameHosts(cluster, 1);
    for (const sentinel of [second, third]) {
      const named = await sentinel.command('SENTINEL', 'get-master-addr-by-name', name);
      assert.deepEqual(named, ['localhost', String(cluster.master.port)]);
    }
    await awaitSubscribed([second, third]);
    const answers = (): number => tunnel.events('sentinel.up').length;
    await eventually(() => answers() >= 5);
    for (const client of clients) assert.equal(await client.command('PING'), 'PONG', tunnel.log());
    assert.equal(tunnel.events('master.serving').length, 1, tunnel.log());

    // Led by one that spells every server in another way than the one in use.
    await eventually(
      async () => {
        try {
          return (await third.command('SENTINEL', 'FAILOVER', name)) === 'OK';
        } catch {
          return false; // it has yet to look at the replicas
        }
      },
      { withinMs: 60_000 },
    );
    await tunnel.waitFor(({ event, standing }) => event === 'master.serving' && standing === 'provisional', {
      withinMs: 30_000,
    });
    await tunnel.waitFor(({ event }) => event === 'master.confirmed', { withinMs: 30_000 });
    const generations = tunnel.events('master.serving').map(({ generation }) => generation);
    assert.deepEqual(generations, [1, 2], tunnel.log());
    await awaitServing(tunnel, name);
    for (const client of clients) await client.close();
  },
);
