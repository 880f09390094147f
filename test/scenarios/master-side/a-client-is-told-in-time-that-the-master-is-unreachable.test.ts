import assert from 'node:assert/strict';
import {
  FakeSentinel,
  FullBacklog,
  lacksProc,
  ReplyError,
  scenario,
  startThrough,
} from '../../support/index.ts';

scenario(
  'a client of a master that cannot be reached is told so at its hold deadline, with the address and who named it',
  { skip: lacksProc },
  async () => {
    await using silent = await FullBacklog.start();
    await using sentinel = await FakeSentinel.naming(silent);
    const source = { name: 'mymaster', seeds: [sentinel.seed] };
    await using tunnel = await startThrough(source, { database: { holdMs: 1500 } });
    await tunnel.waitFor(({ event }) => event === 'master.lost');
    const startedMs = performance.now();
    await using client = await tunnel.connect('mymaster');
    const reply = await client.readReply();
    const waitedMs = performance.now() - startedMs;
    assert.ok(reply instanceof ReplyError);
    assert.match(reply.message, /^LOADING sentinel-tunnel: /);
    assert.ok(reply.message.includes(`127.0.0.1:${silent.port}`), reply.message);
    assert.ok(reply.message.includes(sentinel.seed), reply.message);
    assert.ok(waitedMs > 1400, `${waitedMs} ms`);
    assert.equal(await client.closed, 'fin');
  },
);
