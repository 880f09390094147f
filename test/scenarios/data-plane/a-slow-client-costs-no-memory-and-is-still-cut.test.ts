import assert from 'node:assert/strict';
import { createConnection } from 'node:net';
import { once } from 'node:events';
import {
  encodeCommand,
  eventually,
  FakeSentinel,
  lacksProc,
  RedisProcess,
  residentMiB,
  scenario,
  serveThrough,
} from '../../support/index.ts';

const valueMiB = 200;

scenario(
  'a client that does not read a big value costs the tunnel no memory, and is cut all the same',
  { skip: lacksProc },
  async () => {
    await using redis = await RedisProcess.start();
    await using next = await RedisProcess.start();
    await using sentinel = await FakeSentinel.naming(redis);
    await using tunnel = await serveThrough({ name: 'mymaster', seeds: [sentinel.seed] });
    await redis.command('SETRANGE', 'big', valueMiB * 1024 * 1024 - 1, 'x');
    {
      await using warm = await tunnel.connect('mymaster');
      assert.equal(await warm.command('PING'), 'PONG');
    }
    const before = await residentMiB(tunnel.pid);

    const socket = createConnection({ host: '127.0.0.1', port: tunnel.port('mymaster') });
    socket.on('error', () => socket.destroy()); // the reset of the cut
    await once(socket, 'connect');
    socket.write(encodeCommand(['GET', 'big']));
    socket.once('readable', () => undefined); // begins to read, and stops at the high-water mark
    // Redis has nothing more to push out once the kernels' buffers are full: its output buffer stands still.
    const pending = await outputBufferAtRest(redis);
    assert.ok(pending > (valueMiB / 2) * 1024 * 1024, `${pending} bytes are still with Redis`);
    const grown = (await residentMiB(tunnel.pid)) - before;
    assert.ok(grown < 48, `resident memory grew by ${grown.toFixed(1)} MiB`);

    sentinel.masters.set('mymaster', { host: next.host, port: next.port, epoch: 1 });
    await eventually(async () => (await redis.info('clients')).get('connected_clients') === '1'); // ours
    let received = 0;
    socket.on('data', (chunk) => (received += chunk.length));
    // Not `once`, which the reset would reject.
    if (!socket.closed) await new Promise((resolve) => socket.once('close', resolve));
    assert.ok(received < valueMiB * 1024 * 1024, 'the value did not arrive whole');
  },
);

/** The size of the biggest output buffer of a client, once two looks give the same. */
async function outputBufferAtRest(redis: RedisProcess): Promise<number> {
  let last = -1;
  return await eventually(
    async () => {
      const list = String(await redis.command('CLIENT', 'LIST'));
      const sizes = [...list.matchAll(/tot-mem=(\d+)/g)].map((match) => Number(match[1]));
      const largest = Math.max(...sizes);
      const isAtRest = largest === last && largest > 1024 * 1024;
      last = largest;
      return isAtRest && largest;
    },
    { everyMs: 300 },
  );
}
