import assert from 'node:assert/strict';
import {
  awaitServing,
  badReplies,
  eventually,
  FakeRedis,
  FakeSentinel,
  freePort,
  scenario,
  serveThrough,
  startThrough,
} from '../../support/index.ts';
import { isAlive, name } from '../../support/trio.ts';

scenario('of a hundred and forty Sentinels that were restarted, those that are up are learnt', async () => {
  await using redis = await FakeRedis.start();
  await using other = await FakeSentinel.start();
  const port = await freePort();
  const gone = Array.from({ length: 140 }, (_, index) => ({
    ...{
      host: `127.0.0.${String((index % 200) + 2)}`,
      port,
      flags: `s_down,sentinel,disconnected,${'x'.repeat(400)}`,
    },
  }));
  const master = {
    host: redis.host,
    port: redis.port,
    sentinels: [...gone, { host: other.host, port: other.port }],
  };
  other.masters.set(name, { host: redis.host, port: redis.port });
  await using sentinel = await FakeSentinel.start({ masters: { [name]: master } });
  const database = { onSentinelLoss: 'refuse' };
  const config = { sentinel: { pollMs: 50 } };
  await using tunnel = await serveThrough({ name, seeds: [sentinel.seed] }, { database, config });
  await tunnel.waitFor(({ event, sentinel: who }) => event === 'sentinel.discovered' && who === other.seed);
  await eventually(() => other.count('SENTINEL', 'get-master-addr-by-name') > 5);
  await using client = await tunnel.connect(name);
  assert.ok(await isAlive(client));
  for (const event of ['sentinel.down', 'sentinel.unread'] as const)
    assert.equal(tunnel.events(event).length, 0, tunnel.log());
});

for (const [what, raw] of [
  ['garbage', badReplies.garbage],
  ['more than fits', badReplies.hugeBulk],
  ['nothing at all', undefined],
] as const)
  scenario(
    `a Sentinel that answers ${what} when it is asked whom it knows stays up, and that is told once`,
    async () => {
      await using redis = await FakeRedis.start();
      await using sentinel = await FakeSentinel.start({
        masters: { [name]: { host: redis.host, port: redis.port } },
        answer: ([, subcommand = '']) =>
          subcommand.toLowerCase() === 'sentinels' ? (raw === undefined ? 'hang' : { raw }) : undefined,
      });
      const database = { onSentinelLoss: 'refuse' };
      const config = { sentinel: { pollMs: 50, replyMs: 200 } };
      await using tunnel = await startThrough({ name, seeds: [sentinel.seed] }, { database, config });
      await awaitServing(tunnel, name);
      await tunnel.waitFor(({ event }) => event === 'sentinel.unread');
      const asked = sentinel.count('SENTINEL', 'get-master-addr-by-name');
      await eventually(() => sentinel.count('SENTINEL', 'get-master-addr-by-name') > asked + 10);
      await using client = await tunnel.connect(name);
      assert.ok(await isAlive(client));
      assert.equal(tunnel.events('sentinel.unread').length, 1, tunnel.log());
      assert.equal(tunnel.events('sentinel.down').length, 0, tunnel.log());
    },
  );
