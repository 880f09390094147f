import assert from 'node:assert/strict';
import { FakeSentinel, RedisProcess, RespClient, scenario, serveThrough } from '../../support/index.ts';

const count = 1000;

scenario(
  'a thousand clients cut together are all back on the new master, with no question to Sentinel each',
  async (t) => {
    await using old = await RedisProcess.start();
    await using promoted = await RedisProcess.start();
    await using sentinel = await FakeSentinel.naming(old);
    await using tunnel = await serveThrough({ name: 'mymaster', seeds: [sentinel.seed] });
    const port = tunnel.port('mymaster');
    const connect = async (): Promise<RespClient> => await RespClient.connect(port, { deadlineMs: 60_000 });
    const first = await Promise.all(Array.from({ length: count }, connect));
    const back: RespClient[] = [];
    try {
      const before = await Promise.all(first.map((client) => client.command('PING')));
      assert.equal(before.filter((reply) => reply === 'PONG').length, count);

      const asked = sentinel.count('SENTINEL', 'get-master-addr-by-name');
      const movedMs = performance.now();
      sentinel.masters.set('mymaster', { host: promoted.host, port: promoted.port, epoch: 1 });
      sentinel.publish(
        '+switch-master',
        `mymaster ${old.host} ${old.port} ${promoted.host} ${promoted.port}`,
      );
      const replies = await Promise.all(
        first.map(async (client) => {
          await client.closed;
          const again = await connect();
          back.push(again);
          return await again.command('INCR', 'back');
        }),
      );
      const tookMs = performance.now() - movedMs;
      const questions = sentinel.count('SENTINEL', 'get-master-addr-by-name') - asked;
      t.diagnostic(
        `${count} clients back in ${tookMs.toFixed(0)} ms, with ${questions} questions to Sentinel`,
      );

      assert.equal(Math.max(...replies.map(Number)), count);
      assert.equal(await promoted.command('GET', 'back'), String(count));
      assert.equal(await old.command('GET', 'back'), null);
      assert.deepEqual(tunnel.events('session.refused'), []);
      // The announcement's question, and at most the usual beat of one a second (four while it is unsettled).
      assert.ok(questions <= 2 + (tookMs / 1000) * 5, `${questions} questions`);
      assert.equal(tunnel.events('master.serving').length, 2);
    } finally {
      for (const client of [...first, ...back]) await client.close();
    }
  },
);
