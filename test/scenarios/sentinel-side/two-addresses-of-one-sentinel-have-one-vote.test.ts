import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  awaitServing,
  awaitSubscribed,
  eventually,
  FakeRedis,
  RedisProcess,
  scenario,
  serveThrough,
  startCluster,
} from '../../support/index.ts';
import { whoServes } from '../../support/trio.ts';

const name = 'mymaster';

scenario('a Sentinel that is reached as three addresses does not outvote two others', async () => {
  await using first = await FakeRedis.start();
  await using second = await FakeRedis.start();
  first.values.set('who', 'first');
  second.values.set('who', 'second');
  // Real Sentinels that do not know of each other: each says what it was told, under the same epoch.
  const startSentinel = (port: number, bind: string): Promise<RedisProcess> =>
    RedisProcess.start({
      sentinel: true,
      config: [`bind ${bind}`, `sentinel monitor ${name} 127.0.0.1 ${String(port)} 2`],
    });
  await using one = await startSentinel(first.port, '127.0.0.1');
  await using two = await startSentinel(first.port, '127.0.0.1');
  await using thrice = await startSentinel(second.port, '127.0.0.1 127.0.0.2');
  const at = (host: string, { port }: RedisProcess): string => `${host}:${String(port)}`;
  const aliases = ['127.0.0.1', '127.0.0.2', 'localhost'].map((host) => at(host, thrice));
  const seeds = [...aliases, at('127.0.0.1', one), at('127.0.0.1', two)];

  await using tunnel = await serveThrough({ name, seeds }, { config: { sentinel: { pollMs: 100 } } });
  assert.equal(await whoServes(tunnel), 'first');
  await sleep(500); // five beats
  assert.equal(await whoServes(tunnel), 'first');
  await eventually(() => tunnel.events('sentinel.twin').length >= 2);
  const told = tunnel.events('sentinel.twin').map(({ sentinel, same }) => [sentinel, same].sort());
  assert.equal(told.length, 2, tunnel.log());
  for (const pair of told) for (const each of pair) assert.ok(aliases.includes(String(each)));

  // Its majority of addresses is no majority of Sentinels for a move either.
  await one.kill();
  await sleep(500);
  assert.equal(await whoServes(tunnel), 'first');
});

scenario('a failover is fenced and followed where every Sentinel has two addresses', async () => {
  await using cluster = await startCluster({ sentinelConfig: ['bind 127.0.0.1 127.0.0.2'] });
  const seeds = cluster.sentinels.flatMap(({ port }) => [
    `127.0.0.1:${String(port)}`,
    `127.0.0.2:${String(port)}`,
  ]);
  await using tunnel = await serveThrough({ name, seeds });
  await using client = await tunnel.connect(name);
  assert.equal(await client.command('PING'), 'PONG');
  await awaitSubscribed(cluster.sentinels);
  const promoted = await cluster.failoverAndSettle();
  await awaitServing(tunnel, name, promoted.port);
  assert.equal(tunnel.events('master.fenced').length, 1);
  await eventually(() => tunnel.events('sentinel.twin').length === 3);
});
