import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import {
  descriptorsOf,
  eventually,
  FakeRedis,
  FakeSentinel,
  lacksProc,
  scenario,
  serveThrough,
} from '../../support/index.ts';

const limit = 64;

scenario(
  'with no descriptor left sessions and the watch go on, the log says so, and accepting resumes',
  { skip: lacksProc },
  async () => {
    await using redis = await FakeRedis.start();
    await using next = await FakeRedis.start();
    await using sentinel = await FakeSentinel.naming(redis);
    await using tunnel = await serveThrough({ name: 'mymaster', seeds: [sentinel.seed] });
    await promisify(execFile)('prlimit', [`--pid=${tunnel.pid}`, `--nofile=${limit}:${limit}`]);
    await using first = await tunnel.connect('mymaster');
    assert.equal(await first.command('PING'), 'PONG');

    const crowd = await Promise.all(Array.from({ length: 2 * limit }, () => tunnel.connect('mymaster')));
    await tunnel.waitFor(({ event }) => event === 'listener.paused' || event === 'dial.short');
    assert.ok((await descriptorsOf(tunnel.pid)) > limit / 2);
    assert.equal(await first.command('PING'), 'PONG');
    for (const client of crowd) await client.close();
    await eventually(async () => {
      await using client = await tunnel.connect('mymaster');
      return (await client.command('PING')) === 'PONG';
    });

    sentinel.masters.set('mymaster', { host: next.host, port: next.port, epoch: 1 });
    assert.notEqual(await first.closed, 'local');
    await using moved = await tunnel.connect('mymaster');
    assert.equal(await moved.command('PING'), 'PONG');
    assert.equal(next.count('PING'), 1);
    assert.equal(tunnel.exit, undefined);
  },
);
