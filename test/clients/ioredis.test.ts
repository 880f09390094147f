import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Redis } from 'ioredis';
import { eventually, serveThrough, startCluster, withoutLeaks } from '../support/index.ts';

test('ioredis works through the tunnel, before and after a failover, with its default settings', async (t) => {
  await withoutLeaks(async () => {
    await using cluster = await startCluster({ replicas: 1 });
    await using tunnel = await serveThrough(cluster);
    const clients: Redis[] = [];
    const connect = (): Redis => {
      const client = new Redis(tunnel.port(cluster.name), '127.0.0.1');
      client.on('error', () => undefined); // the cut; it reconnects by itself
      clients.push(client);
      return client;
    };
    try {
      const redis = connect();
      const subscriber = connect();
      const blocked = connect();
      const heard: string[] = [];
      subscriber.on('message', (_channel, message) => heard.push(message));
      await subscriber.subscribe('news');
      const popped = blocked.blpop('queue', 0);

      const ordinary = async (): Promise<void> => {
        assert.equal(await redis.set('key', 'value'), 'OK');
        assert.equal(await redis.get('key'), 'value');
        await redis.del('counter');
        const replies = await redis.pipeline().incr('counter').incr('counter').get('counter').exec();
        assert.deepEqual(replies, [
          [null, 1],
          [null, 2],
          [null, '2'],
        ]);
        assert.deepEqual(await redis.multi().incr('counter').get('counter').exec(), [
          [null, 3],
          [null, '3'],
        ]);
        assert.equal(await redis.eval('return redis.call("INCRBY", KEYS[1], ARGV[1])', 1, 'counter', 4), 7);
        const before = heard.length;
        await eventually(async () => {
          await redis.publish('news', 'hello');
          return heard.length > before;
        });
      };

      await t.test('commands, pipelines, MULTI, Lua and pub/sub', ordinary);
      const promoted = await cluster.failoverAndSettle();
      await t.test('the same after a failover, on the same objects', async () => {
        await ordinary();
        assert.equal(await promoted.command('GET', 'counter'), '7');
      });
      await t.test('a blocking pop that was waiting goes on waiting on the new master', async () => {
        await eventually(async () => (await promoted.info('clients')).get('blocked_clients') === '1', {
          withinMs: 20_000,
        });
        await redis.rpush('queue', 'value');
        assert.deepEqual(await popped, ['queue', 'value']);
      });
      await t.test('a value of 100 MB', async () => {
        const value = Buffer.alloc(100 * 1024 * 1024, 'of some size; ');
        await redis.set('big', value);
        const back = await redis.getBuffer('big');
        assert.ok(back?.equals(value));
        await redis.del('big');
      });
      await t.test('a thousand connections at once', async () => {
        const crowd = Array.from({ length: 1000 }, connect);
        const replies = await Promise.all(crowd.map((client) => client.ping()));
        assert.deepEqual(
          replies,
          crowd.map(() => 'PONG'),
        );
      });
      assert.deepEqual(tunnel.events('session.refused'), []);
    } finally {
      for (const client of clients) client.disconnect();
    }
  });
});
