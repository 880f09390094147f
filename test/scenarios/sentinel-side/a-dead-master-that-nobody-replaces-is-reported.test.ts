import assert from 'node:assert/strict';
import {
  awaitServing,
  configThrough,
  FakeRedis,
  RespClient,
  scenario,
  serveThrough,
  type ReplyError,
} from '../../support/index.ts';
import { isAlive, name, Trio } from '../../support/trio.ts';

scenario(
  'a dead master that nobody replaces: clients are held, then told why; it is served again when it returns',
  async () => {
    await using redis = await FakeRedis.start();
    await using trio = await Trio.start(redis);
    const config = { sentinel: { pollMs: 250 } };
    await using tunnel = await serveThrough(trio.source, { database: { holdMs: 1500 }, config });
    const { port } = redis;

    await redis.close();
    await tunnel.waitFor(({ event }) => event === 'master.lost');
    const asked = trio.asked;
    const askedMs = performance.now();
    await using client = await RespClient.connect(tunnel.port(name));
    client.write('*1\r\n$4\r\nPING\r\n');
    const said = (await client.readReply()) as ReplyError;
    assert.match(
      said.message,
      /^LOADING sentinel-tunnel: .*127\.0\.0\.1:\d+ names .*, which cannot be used: connection refused \(ECONNREFUSED\); waited 1500 ms$/,
    );
    // 1.5 s at the beat of 250 ms is 6 rounds of 3 Sentinels; a hot loop would make hundreds.
    const rounds = (performance.now() - askedMs) / 250;
    assert.ok(trio.asked - asked < 3 * 3 * (rounds + 1), `${String(trio.asked - asked)} questions`);

    // From here on nobody's time runs out while the tunnel finds out.
    await tunnel.reload(configThrough(trio.source, { config }));
    await using held = await RespClient.connect(tunnel.port(name));
    await using back = await FakeRedis.start({ port });
    await awaitServing(tunnel, name, back.port);
    assert.ok(await isAlive(held));
  },
);
