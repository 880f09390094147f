import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  awaitServing,
  eventually,
  FakeRedis,
  fakeScenario,
  FakeSentinel,
  scenario,
  serveThrough,
} from '../../support/index.ts';
import { name, says, Trio, whoServes } from '../../support/trio.ts';

scenario('a Sentinel that wants a password is told of once and asked seldom, and delays nobody', async () => {
  await using redis = await FakeRedis.start();
  redis.values.set('who', 'first');
  await using trio = await Trio.start(redis);
  await using locked = await FakeSentinel.start({
    answer: () => ({ raw: '-NOAUTH Authentication required.\r\n' }),
  });
  const source = { name, seeds: [locked.seed, ...trio.source.seeds] };
  await using tunnel = await serveThrough(source, { config: { sentinel: { pollMs: 100 } } });
  assert.equal(await whoServes(tunnel), 'first');
  const rounds = locked.count('SENTINEL', 'get-master-addr-by-name');
  await sleep(1500); // fifteen beats of the others
  assert.ok(locked.count('SENTINEL', 'get-master-addr-by-name') - rounds <= 2);
  const told = tunnel.events('sentinel.down').filter(({ sentinel }) => sentinel === locked.seed);
  assert.deepEqual(
    told.map(({ reason }) => reason),
    [
      'it asks for a password, set sentinel.password or sentinel.passwordFile (NOAUTH Authentication required.)',
    ],
  );
});

fakeScenario(
  'Sentinels that let us neither subscribe nor see an epoch are followed by their answers, in a majority',
  {
    sentinels: {
      answer: ([command, sub]) =>
        command === 'SUBSCRIBE' || sub?.toLowerCase() === 'master'
          ? { raw: '-NOPERM this user has no permissions to run this command\r\n' }
          : undefined,
    },
    tunnel: { config: { sentinel: { pollMs: 100 } } },
  },
  async ({ next, trio, tunnel }) => {
    assert.equal(await whoServes(tunnel), 'first');

    says(trio.sentinels[0], next, 1);
    await sleep(500); // five beats
    assert.equal(await whoServes(tunnel), 'first');
    says(trio.sentinels[1], next, 1);
    await awaitServing(tunnel, name, next.port);
    assert.equal(await whoServes(tunnel), 'second');
    await sleep(500);
    assert.equal(await whoServes(tunnel), 'second');

    await eventually(() => tunnel.events('sentinel.polling-only').length === 3);
    // The epoch was asked for once per connection, and not again: each refusal is an entry in the Sentinel's ACL log.
    for (const sentinel of trio.sentinels)
      assert.ok(sentinel.count('SENTINEL', 'master') <= sentinel.accepted);
    // Nor are the channels again and again: not four times a second, as after a connection that broke.
    for (const sentinel of trio.sentinels) assert.ok(sentinel.count('SUBSCRIBE', '+switch-master') <= 2);
  },
);
