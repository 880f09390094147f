import assert from 'node:assert/strict';
import {
  awaitServing,
  eventually,
  FakeRedis,
  FakeSentinel,
  freePort,
  scenario,
  serveThrough,
} from '../../support/index.ts';
import { name, says, Trio, whoServes } from '../../support/trio.ts';

scenario(
  'a dead Sentinel at the head of the list delays nobody, and is used again once it is back',
  async () => {
    await using redis = await FakeRedis.start();
    await using next = await FakeRedis.start();
    redis.values.set('who', 'first');
    next.values.set('who', 'second');
    await using trio = await Trio.start(redis);
    const port = await freePort();
    const dead = `127.0.0.1:${String(port)}`;
    const source = { name, seeds: [dead, ...trio.source.seeds] };
    await using tunnel = await serveThrough(source, { config: { sentinel: { replyMs: 30_000 } } });
    assert.equal(await whoServes(tunnel), 'first');
    await tunnel.waitFor(({ event, sentinel }) => event === 'sentinel.down' && sentinel === dead);

    await using back = await FakeSentinel.start({ port });
    says(back, next, 1);
    await eventually(() => tunnel.events('sentinel.up').some((event) => event['sentinel'] === dead));
    await awaitServing(tunnel, name, next.port);
    assert.equal(await whoServes(tunnel), 'second');
  },
);
