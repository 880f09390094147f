import assert from 'node:assert/strict';
import { test } from 'node:test';
import { createClient } from 'redis';
import { eventually, serveThrough, startCluster, withoutLeaks } from '../support/index.ts';

test('redis (node) works through the tunnel, before and after a failover, with its default settings', async (t) => {
  await withoutLeaks(async () => {
    await using cluster = await startCluster({ replicas: 1 });
    await using tunnel = await serveThrough(cluster);
    const options = { socket: { host: '127.0.0.1', port: tunnel.port(cluster.name) } };
    const redis = createClient(options);
    const subscriber = createClient(options);
    const blocked = createClient(options);
    const clients = [redis, subscriber, blocked];
    try {
      for (const client of clients) {
        client.on('error', () => undefined); // the cut; it reconnects by itself
        await client.connect();
      }
      const heard: string[] = [];
      await subscriber.subscribe('news', (message) => heard.push(message));

      const ordinary = async (): Promise<void> => {
        assert.equal(await redis.set('key', 'value'), 'OK');
        assert.equal(await redis.get('key'), 'value');
        await redis.del('counter');
        // Commands of one tick leave as one pipeline.
        assert.deepEqual(await Promise.all([redis.incr('counter'), redis.incr('counter')]), [1, 2]);
        assert.deepEqual(await redis.multi().incr('counter').get('counter').exec(), [3, '3']);
        const script = 'return redis.call("INCRBY", KEYS[1], ARGV[1])';
        assert.equal(await redis.eval(script, { keys: ['counter'], arguments: ['4'] }), 7);
        const before = heard.length;
        await eventually(async () => {
          await redis.publish('news', 'hello');
          return heard.length > before;
        });
      };

      await t.test('commands, pipelines, MULTI, Lua and pub/sub', ordinary);
      const cut = assert.rejects(blocked.blPop('queue', 0));
      const promoted = await cluster.failoverAndSettle();
      await t.test('a blocking pop that was waiting is told of the cut', async () => {
        await cut;
      });
      await t.test('the same after a failover, on the same objects', async () => {
        // The first command after the cut may still be told of it.
        await eventually(async () => (await redis.ping()) === 'PONG');
        await ordinary();
        assert.equal(await promoted.command('GET', 'counter'), '7');
        const popped = blocked.blPop('queue', 0);
        await redis.rPush('queue', 'value');
        assert.deepEqual({ ...(await popped) }, { key: 'queue', element: 'value' });
      });
      await t.test('a value of 100 MB', async () => {
        const value = 'x'.repeat(100 * 1024 * 1024);
        assert.equal(await redis.set('big', value), 'OK');
        assert.ok((await redis.get('big')) === value);
        await redis.del('big');
      });
      assert.deepEqual(tunnel.events('session.refused'), []);
    } finally {
      for (const client of clients) client.destroy();
    }
  });
});
