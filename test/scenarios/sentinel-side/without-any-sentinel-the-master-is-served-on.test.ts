import assert from 'node:assert/strict';
import {
  awaitServing,
  FakeRedis,
  fakeScenario,
  FakeSentinel,
  RespClient,
  scenario,
  serveThrough,
  type ReplyError,
  type Source,
} from '../../support/index.ts';
import { isAlive, name, says, Trio, whoServes } from '../../support/trio.ts';

async function again(port: number): Promise<FakeSentinel> {
  return await FakeSentinel.start({ port });
}

fakeScenario(
  'when every Sentinel is gone the master is served on, degraded, until one is back',
  async ({ next, trio, tunnel }) => {
    await using session = await tunnel.connect(name);
    assert.ok(await isAlive(session));

    await trio[Symbol.asyncDispose]();
    await tunnel.waitFor(
      ({ event, reasons }) => event === 'master.degraded' && reasons === 'no Sentinel answers',
    );
    assert.ok(await isAlive(session));
    assert.equal(await whoServes(tunnel), 'first');

    const [{ port }] = trio.sentinels;
    await using back = await again(port);
    says(back, next, 1);
    await awaitServing(tunnel, name, next.port);
    assert.equal(await whoServes(tunnel), 'second');
    assert.notEqual(await session.closed, 'local');
  },
);

scenario(
  'where the configuration says so, losing the majority cuts and refuses until it is back',
  async () => {
    await using redis = await FakeRedis.start();
    await using trio = await Trio.start(redis);
    const source: Source = trio.source;
    await using tunnel = await serveThrough(source, {
      database: { onSentinelLoss: 'refuse' },
      config: { sentinel: { replyMs: 20_000 } }, // who is merely slow is not lost
    });
    await using session = await tunnel.connect(name);
    assert.ok(await isAlive(session));

    const [one, two] = trio.sentinels;
    await one.close();
    assert.ok(await isAlive(session));
    await two.close();
    assert.notEqual(await session.closed, 'local');
    await using refused = await RespClient.connect(tunnel.port(name));
    const said = (await refused.readReply()) as ReplyError;
    assert.match(said.message, /^LOADING sentinel-tunnel: only 1 of 3 Sentinels answer, .* is forbidden$/);
    assert.equal(await refused.closed, 'fin');

    await using back = await again(one.port);
    says(back, redis, 0);
    await tunnel.waitFor(({ event, generation }) => event === 'master.serving' && Number(generation) > 1);
    await using after = await tunnel.connect(name);
    assert.ok(await isAlive(after));
  },
);
