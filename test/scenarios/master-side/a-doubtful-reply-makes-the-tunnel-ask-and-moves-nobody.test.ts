import assert from 'node:assert/strict';
import {
  eventually,
  FakeRedis,
  FakeSentinel,
  ReplyError,
  scenario,
  serveThrough,
} from '../../support/index.ts';

scenario(
  'a -READONLY to a client makes the tunnel ask Sentinel at once, and changes nothing else',
  async () => {
    await using redis = await FakeRedis.start();
    redis.script = ([name]) =>
      name === 'SET'
        ? { reply: new ReplyError("READONLY You can't write against a read only replica.") }
        : undefined;
    await using sentinel = await FakeSentinel.naming(redis);
    await using tunnel = await serveThrough(
      { name: 'mymaster', seeds: [sentinel.seed] },
      { config: { sentinel: { pollMs: 60_000 } } },
    );
    await using client = await tunnel.connect('mymaster');
    assert.equal(await client.command('PING'), 'PONG');
    const asked = sentinel.count('SENTINEL', 'get-master-addr-by-name');
    await assert.rejects(client.command('SET', 'key', 'value'), /^ReplyError: READONLY/);
    await tunnel.waitFor(({ event, word }) => event === 'reply.doubtful' && word === 'READONLY');
    await eventually(() => sentinel.count('SENTINEL', 'get-master-addr-by-name') > asked);
    assert.equal(await client.command('PING'), 'PONG');
    assert.deepEqual(generations(tunnel.events('master.serving')), [1]);
    assert.deepEqual(tunnel.events('master.fenced'), []);
  },
);

scenario('a master that refuses connections is not left for another on that account', async () => {
  const redis = await FakeRedis.start();
  await using sentinel = await FakeSentinel.naming(redis);
  await using tunnel = await serveThrough({ name: 'mymaster', seeds: [sentinel.seed] });
  const { port } = redis;
  await redis.close();
  await tunnel.waitFor(({ event }) => event === 'master.lost');
  await using held = await tunnel.connect('mymaster');
  const reply = held.command('PING');
  await using back = await FakeRedis.start({ port });
  assert.equal(await reply, 'PONG');
  assert.ok(back.accepted > 0);
  assert.deepEqual(generations(tunnel.events('master.serving')), [1]);
});

function generations(events: readonly { readonly [key: string]: unknown }[]): number[] {
  return [...new Set(events.map((event) => Number(event['generation'])))];
}
