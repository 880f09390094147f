import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import {
  encodeCommand,
  eventually,
  FakeSentinel,
  RedisProcess,
  scenario,
  serveThrough,
  type RespClient,
} from '../../support/index.ts';

const waits: readonly (readonly (string | number)[])[] = [
  ['BLPOP', 'queue', 0],
  ['SUBSCRIBE', 'news'],
  ['MONITOR'],
  ['XREAD', 'BLOCK', 0, 'STREAMS', 'stream', '$'],
  ['MULTI'],
  ['PING'],
];

scenario(
  'blocked, subscribed and idle clients are left in peace, and cut when the master moves',
  async () => {
    await using redis = await RedisProcess.start();
    await using next = await RedisProcess.start();
    await using sentinel = await FakeSentinel.naming(redis);
    await using tunnel = await serveThrough({ name: 'mymaster', seeds: [sentinel.seed] });
    const clients: RespClient[] = [];
    try {
      for (const wait of waits) {
        const client = await tunnel.connect('mymaster');
        client.write(encodeCommand(wait));
        clients.push(client);
      }
      await eventually(async () => (await redis.info('clients')).get('blocked_clients') === '2');
      // Longer than every deadline of the tunnel that could be mistaken for an idle timeout: dial 1.5 s, reply 1 s.
      await sleep(3000);
      assert.deepEqual(
        clients.map(({ ending }) => ending),
        waits.map(() => undefined),
      );
      const [blocked] = clients;
      await redis.command('RPUSH', 'queue', 'value');
      assert.deepEqual(await blocked?.readReply(), ['queue', 'value']);

      sentinel.masters.set('mymaster', { host: next.host, port: next.port, epoch: 1 });
      const endings = await Promise.all(clients.map(({ closed }) => closed));
      assert.ok(
        endings.every((ending) => ending !== 'local'),
        endings.join(', '),
      );
      await eventually(async () => (await redis.info('clients')).get('connected_clients') === '1'); // ours
    } finally {
      for (const client of clients) await client.close();
    }
  },
);
