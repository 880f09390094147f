import assert from 'node:assert/strict';
import { awaitServing, FakeRedis, scenario, serveThrough } from '../../support/index.ts';
import { announcePromotion, isAlive, name, Trio, whoServes } from '../../support/trio.ts';

scenario('a Sentinel that announces host names is followed, in answers and in a failover', async () => {
  await using redis = await FakeRedis.start();
  await using next = await FakeRedis.start({ role: 'slave' });
  redis.values.set('who', 'first');
  next.values.set('who', 'second');
  const [old, candidate] = [redis, next].map(({ port }) => ({ host: 'localhost', port }));
  assert.ok(old && candidate);
  await using trio = await Trio.start(old, 3);
  await using tunnel = await serveThrough(trio.source);
  assert.equal(await whoServes(tunnel), 'first');
  await using session = await tunnel.connect(name);
  assert.ok(await isAlive(session));

  await announcePromotion(trio.sentinels[1], candidate, old);
  assert.notEqual(await session.closed, 'local');
  next.role = 'master';
  await awaitServing(tunnel, name, next.port);
  trio.say(candidate, 4);
  const confirmed = await tunnel.waitFor(({ event }) => event === 'master.confirmed');
  assert.equal(await whoServes(tunnel), 'second');
  assert.equal(confirmed['endpoint'], `localhost:${String(next.port)}`);
});
