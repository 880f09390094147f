import assert from 'node:assert/strict';
import { eventually, FakeSentinel, RedisProcess, scenario, serveThrough } from '../../support/index.ts';

scenario(
  'clients of a master that is loading its data wait or hear -LOADING, and are served when it is done',
  async () => {
    // Each key takes this many microseconds to load.
    await using redis = await RedisProcess.start({ config: ['key-load-delay 10000'] });
    await using sentinel = await FakeSentinel.naming(redis);
    await using tunnel = await serveThrough({ name: 'mymaster', seeds: [sentinel.seed] });
    const keys = Array.from({ length: 200 }, (_, index) => [`key${index}`, 'value']).flat();
    await redis.command('MSET', ...keys);
    await redis.command('SAVE');
    await redis.restart(); // any reply, -LOADING too, counts as being up

    const heard: string[] = [];
    await eventually(async () => {
      await using client = await tunnel.connect('mymaster');
      client.write('*2\r\n$3\r\nGET\r\n$6\r\nkey199\r\n');
      heard.push(String(await client.readReply()));
      return heard.at(-1) === 'value';
    });
    const others = heard.filter((reply) => reply !== 'value' && !reply.includes('LOADING '));
    assert.deepEqual(others, []);
    assert.deepEqual(tunnel.events('session.refused'), []);
  },
);
