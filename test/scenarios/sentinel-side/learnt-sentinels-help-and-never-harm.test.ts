import assert from 'node:assert/strict';
import {
  awaitServing,
  FakeRedis,
  FakeSentinel,
  freePort,
  FullBacklog,
  scenario,
  serveThrough,
} from '../../support/index.ts';
import { name, says, whoServes } from '../../support/trio.ts';

scenario('a Sentinel learnt from another leads on when its teacher is gone', async () => {
  await using redis = await FakeRedis.start();
  await using next = await FakeRedis.start();
  next.values.set('who', 'second');
  await using seed = await FakeSentinel.start();
  await using learnt = await FakeSentinel.start();
  seed.masters.set(name, { host: redis.host, port: redis.port, epoch: 0, sentinels: [learnt] });
  says(learnt, redis, 0);
  await using tunnel = await serveThrough({ name, seeds: [seed.seed] });
  await tunnel.waitFor(({ event, sentinel }) => event === 'sentinel.up' && sentinel === learnt.seed);

  await seed.close();
  says(learnt, next, 1);
  await awaitServing(tunnel, name, next.port);
  assert.equal(await whoServes(tunnel), 'second');
});

scenario(
  'learnt Sentinels that cannot be reached from here do not count, where a majority is wanted',
  async () => {
    await using redis = await FakeRedis.start();
    await using next = await FakeRedis.start();
    redis.values.set('who', 'first');
    next.values.set('who', 'second');
    await using blackhole = await FullBacklog.start();
    const dead = { host: '127.0.0.1', port: await freePort() };
    await using seed = await FakeSentinel.start({
      // No epoch: a move takes a majority of the Sentinels that count.
      answer: ([, sub]) =>
        sub?.toLowerCase() === 'master' ? { raw: '-NOPERM this user has no permissions\r\n' } : undefined,
    });
    const sentinels = [{ host: blackhole.host, port: blackhole.port }, dead];
    seed.masters.set(name, { host: redis.host, port: redis.port, sentinels });
    await using tunnel = await serveThrough(
      { name, seeds: [seed.seed] },
      { database: { onSentinelLoss: 'refuse' } },
    );
    await tunnel.waitFor(
      ({ event, sentinel }) => event === 'sentinel.down' && sentinel === `127.0.0.1:${String(dead.port)}`,
    );
    assert.equal(await whoServes(tunnel), 'first');
    seed.masters.set(name, { host: next.host, port: next.port, sentinels });
    await awaitServing(tunnel, name, next.port);
    assert.equal(await whoServes(tunnel), 'second');
  },
);

scenario('without discovery nobody but the configured Sentinels is asked', async () => {
  await using redis = await FakeRedis.start();
  await using seed = await FakeSentinel.start();
  await using other = await FakeSentinel.start();
  seed.masters.set(name, { host: redis.host, port: redis.port, sentinels: [other] });
  await using tunnel = await serveThrough(
    { name, seeds: [seed.seed] },
    { config: { sentinel: { discover: false, pollMs: 50 } } },
  );
  await tunnel.connect(name).then((client) => client.close());
  assert.equal(other.accepted, 0);
});
