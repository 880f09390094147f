import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { FakeRedis, FakeSentinel, freePort, TunnelProcess } from '../support/index.ts';
import { assertNoTrace, call, inFolder } from './call.ts';

test('health finds the tunnel that runs by its configuration, its variable or its flag', async () => {
  await using redis = await FakeRedis.start();
  await using sentinel = await FakeSentinel.start({
    masters: { mymaster: { host: '127.0.0.1', port: redis.port } },
  });
  const port = await freePort();
  const admin = `0.0.0.0:${String(port)}`;
  const config = {
    sentinels: [sentinel.seed],
    databases: [{ name: 'mymaster', listen: '127.0.0.1:0' }],
    admin: { listen: admin, token: 'a token that is long'.replaceAll(' ', '-') },
  };
  await using tunnel = await TunnelProcess.start({ config });
  await tunnel.waitFor(({ event }) => event === 'master.serving');
  await tunnel.waitFor(({ event }) => event === 'admin.opened');
  const file = { SENTINEL_TUNNEL_CONFIG: tunnel.configFile };
  assert.deepEqual(await call(['health'], file), { code: 0, stdout: 'live\n', stderr: '' });
  const ready = await call(['health', '--ready', '--config', tunnel.configFile]);
  assert.deepEqual(ready, { code: 0, stdout: 'ready\n', stderr: '' });
  const started = await call(['health', '--started'], { SENTINEL_TUNNEL_ADMIN: `127.0.0.1:${String(port)}` });
  assert.deepEqual(started, { code: 0, stdout: 'started\n', stderr: '' });
  assert.equal((await call(['health', '--admin', `127.0.0.1:${String(port)}`])).code, 0);
});

test('health ends with 1 where the tunnel is not well, and says why', async () => {
  await inFolder(async (dir) => {
    const socket = join(dir, 'admin.sock');
    await using tunnel = await TunnelProcess.start({
      config: {
        sentinels: ['127.0.0.1:1'],
        databases: [{ name: 'mymaster', listen: '127.0.0.1:0' }],
        admin: { listen: `unix:${socket}` },
      },
    });
    await tunnel.waitFor(({ event }) => event === 'sentinel.down');
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    const admin = `unix:${socket}`;
    assert.equal((await call(['health', '--admin', admin])).code, 0);
    for (const [flag, word] of [
      ['--ready', 'ready'],
      ['--started', 'started'],
    ] as const) {
      const called = await call(['health', flag, '--admin', admin]);
      assert.equal(called.code, 1);
      assert.match(called.stderr, new RegExp(`^not ${word}: .*mymaster`));
      assertNoTrace(called);
    }
    await tunnel.stop();
    const gone = await call(['health', '--admin', admin]);
    assert.equal(gone.code, 1);
    assert.match(gone.stderr, /^not live: No tunnel answers at unix:.* \(ENOENT\)/);
  });
});

test('health waits no longer for an answer than probes do', async () => {
  const mute = createServer((_, response) => {
    response.write('{');
    const drops = setInterval(() => response.write(' '), 100);
    response.on('close', () => {
      clearInterval(drops);
    });
  });
  mute.listen(0, '127.0.0.1');
  await once(mute, 'listening');
  const address = mute.address();
  const port = typeof address === 'object' ? address?.port : undefined;
  try {
    const called = await call(['health', '--admin', `127.0.0.1:${String(port)}`]);
    assert.equal(called.code, 1);
    assert.match(called.stderr, /^not live: 127\.0\.0\.1:\d+ does not answer: nothing within 4000 ms\n$/);
  } finally {
    await new Promise((resolve) => mute.close(resolve));
  }
});

test('health says what is wrong with how it was called', async () => {
  await inFolder(async (dir) => {
    const file = join(dir, 'tunnel.yaml');
    await writeFile(file, 'sentinels: [a:1]\ndatabases: [{ name: a, listen: 1 }]\nadmin: false\n');
    const off = join(dir, 'off.yaml');
    await writeFile(off, 'sentinels: [a:1]\ndatabases: [{ name: a, listen: 1 }]\nadmin: off\n');
    for (const [args, said] of [
      [['--ready', '--started'], /Give --ready or --started, not both/],
      [['--config', file], /Nobody to ask: the admin listener is turned off/],
      [['--config', off], /Nobody to ask: the admin listener is turned off/],
      [['--admin', 'off'], /Nobody to ask: the admin listener is turned off/],
      [['--admin', 'nonsense'], /--admin: expected /],
      [['--config', join(dir, 'none')], /Cannot read configuration/],
    ] as const) {
      const called = await call(['health', ...args]);
      assert.equal(called.code, 2, args.join(' '));
      assert.match(called.stderr, said);
      assertNoTrace(called);
    }
  });
});
