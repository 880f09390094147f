import assert from 'node:assert/strict';
import {
  awaitServing,
  eventually,
  FakeRedis,
  FakeSentinel,
  scenario,
  serveThrough,
} from '../../support/index.ts';
import { name, says, Trio, whoServes } from '../../support/trio.ts';

/** Far longer than the test may take: whoever waits for the hung Sentinel fails. */
const replyMs = 60_000;

scenario('a Sentinel that accepts and never answers delays neither the first client nor a move', async () => {
  await using redis = await FakeRedis.start();
  await using next = await FakeRedis.start();
  redis.values.set('who', 'first');
  next.values.set('who', 'second');
  await using hung = await FakeSentinel.start({ accept: 'hang' });
  await using trio = await Trio.start(redis);
  const source = { name, seeds: [hung.seed, ...trio.source.seeds] };
  await using tunnel = await serveThrough(source, { config: { sentinel: { replyMs } } });
  assert.equal(await whoServes(tunnel), 'first');
  await eventually(() => hung.accepted === 2);

  says(trio.sentinels[2], next, 1);
  await awaitServing(tunnel, name, next.port);
  assert.equal(await whoServes(tunnel), 'second');
});
