import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { Status } from '../../../src/admin/status.ts';
import {
  ask,
  encodeCommand,
  endedPeers,
  eventually,
  FakeSentinel,
  lacksProc,
  RedisProcess,
  scenario,
  startThrough,
} from '../../support/index.ts';
import { hasRing } from '../../relay/io/epoll/engines.ts';

for (const engine of (await hasRing()) ? ['streams', 'epoll', 'io_uring'] : ['streams', 'epoll']) {
  for (const leaves of ['end', 'reset'] as const) {
    scenario(
      `${engine}: nothing is executed of clients that left while there was no master (${leaves})`,
      async () => {
        await using redis = await RedisProcess.start();
        await using sentinel = await FakeSentinel.start();
        await using tunnel = await startThrough(
          { name: 'mymaster', seeds: [sentinel.seed] },
          { config: { engine, admin: { listen: 0 } }, database: { holdMax: 26 } },
        );
        await using living = await tunnel.connect('mymaster');
        living.write(encodeCommand(['INCR', 'living']));
        const crowd = await Promise.all(Array.from({ length: 25 }, () => tunnel.connect('mymaster')));
        for (const client of crowd) {
          client.write(encodeCommand(['INCR', 'k']));
          if (leaves === 'reset') client.reset();
          else client.end();
        }
        await Promise.all(crowd.map(({ closed }) => closed));
        await tunnel.waitFor(({ event }) => event === 'admin.opened');
        await eventually(async () => {
          const status = (await ask(tunnel.adminPort, '/status')).json() as Status;
          const { admitted = 0, held } = status.databases[0]?.counters ?? {};
          return admitted === 26 && held === 1;
        });
        // Their places are free: as many again may wait, and nobody is told that others do.
        const others = await Promise.all(Array.from({ length: 25 }, () => tunnel.connect('mymaster')));
        for (const client of others) client.write(encodeCommand(['INCR', 'others']));
        sentinel.masters.set('mymaster', { host: redis.host, port: redis.port });
        assert.equal(await living.readReply(), 1);
        for (const client of others) assert.equal(typeof (await client.readReply()), 'number');
        assert.equal(await living.command('GET', 'k'), null);
        await Promise.all(others.map((client) => client.close()));
      },
    );
  }
}

scenario(
  'streams: the end of a waiting client is found behind more than is kept of it',
  { skip: lacksProc },
  async () => {
    await using redis = await RedisProcess.start();
    await using sentinel = await FakeSentinel.start();
    await using tunnel = await startThrough(
      { name: 'mymaster', seeds: [sentinel.seed] },
      { config: { engine: 'streams' } },
    );
    const crowd = await Promise.all(Array.from({ length: 25 }, () => tunnel.connect('mymaster')));
    for (const client of crowd) client.write(encodeCommand(['SET', 'k', Buffer.alloc(60_000)]));
    await sleep(100); // which the tunnel reads; what follows fits the window of the connection again
    for (const client of crowd) {
      client.write(encodeCommand(['SET', 'k', Buffer.alloc(30_000)]));
      client.end();
    }
    await eventually(async () => {
      const ended = await endedPeers(tunnel.port('mymaster'));
      return crowd.every(({ socket }) => ended.has(socket.localPort ?? 0) || socket.readableEnded);
    });
    sentinel.masters.set('mymaster', { host: redis.host, port: redis.port });
    await using living = await tunnel.connect('mymaster');
    assert.equal(await living.command('GET', 'k'), null);
    await Promise.all(crowd.map(({ closed }) => closed));
    assert.equal(await living.command('GET', 'k'), null);
  },
);

scenario('with the usual limits a pool that was served is held as a whole', async () => {
  await using redis = await RedisProcess.start();
  await using sentinel = await FakeSentinel.start();
  await using tunnel = await startThrough({ name: 'mymaster', seeds: [sentinel.seed] });
  const pool = await Promise.all(Array.from({ length: 1_500 }, () => tunnel.connect('mymaster')));
  for (const client of pool) client.write(encodeCommand(['PING']));
  sentinel.masters.set('mymaster', { host: redis.host, port: redis.port });
  for (const client of pool) assert.equal(await client.readReply(), 'PONG');
  assert.equal(tunnel.events().filter(({ event }) => event === 'session.refused').length, 0);
  await Promise.all(pool.map((client) => client.close()));
});
