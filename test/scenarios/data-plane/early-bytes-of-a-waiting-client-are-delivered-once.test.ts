import assert from 'node:assert/strict';
import type { Status } from '../../../src/admin/status.ts';
import {
  ask,
  encodeCommand,
  eventually,
  FakeSentinel,
  lacksProc,
  RedisProcess,
  residentMiB,
  scenario,
  startThrough,
} from '../../support/index.ts';

scenario(
  'what clients send while they wait is delivered once, bounded while it waits, and dropped with those who leave',
  { skip: lacksProc },
  async () => {
    await using redis = await RedisProcess.start();
    await using sentinel = await FakeSentinel.start();
    await using tunnel = await startThrough(
      { name: 'mymaster', seeds: [sentinel.seed] },
      { config: { admin: { listen: 0 } } },
    );
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    const isHeld = async (count: number): Promise<void> => {
      await eventually(async () => {
        const status = (await ask(tunnel.adminPort, '/status')).json() as Status;
        return status.databases[0]?.counters?.held === count;
      });
    };
    await using patient = await tunnel.connect('mymaster');
    for (let count = 0; count < 100; count++) patient.write(encodeCommand(['INCR', 'counter']));

    await using leaving = await tunnel.connect('mymaster');
    leaving.write(encodeCommand(['INCR', 'of those who left']));
    await isHeld(2);
    // By a reset: one who only ended its side might still wait for the reply.
    leaving.reset();
    await isHeld(1);

    // More than the tunnel should ever keep for one who waits: the rest stays with the client.
    await using eager = await tunnel.connect('mymaster');
    const before = await residentMiB(tunnel.pid);
    const megabytes = 64;
    const value = Buffer.alloc(1024 * 1024, 'v');
    for (let count = 0; count < megabytes; count++) eager.write(encodeCommand(['SET', `big${count}`, value]));
    await eventually(() => eager.socket.writableLength > (megabytes / 2) * value.length);
    assert.ok((await residentMiB(tunnel.pid)) - before < 32);

    sentinel.masters.set('mymaster', { host: redis.host, port: redis.port });
    for (let count = 1; count <= 100; count++) assert.equal(await patient.readReply(), count);
    for (let count = 0; count < megabytes; count++) assert.equal(await eager.readReply(), 'OK');
    assert.equal(await redis.command('GET', 'counter'), '100');
    assert.equal(await redis.command('GET', 'of those who left'), null);
  },
);
