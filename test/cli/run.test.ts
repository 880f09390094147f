import assert from 'node:assert/strict';
import { readFile, rename, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  eventuallyPasses,
  RespClient,
  FakeRedis,
  FakeSentinel,
  freePort,
  TunnelProcess,
  withoutLeaks,
} from '../support/index.ts';
import { assertNoTrace, call, inFolder } from './call.ts';

/** Nobody listens there: a Sentinel that is down. */
const nobody = '127.0.0.1:1';

async function tunnelWithMaster(
  run: (tunnel: TunnelProcess) => Promise<void>,
  options: { args?: readonly string[]; drainMs?: number } = {},
): Promise<void> {
  await using redis = await FakeRedis.start();
  await using sentinel = await FakeSentinel.start({
    masters: { mymaster: { host: '127.0.0.1', port: redis.port } },
  });
  const { args = [], drainMs = 10_000 } = options;
  await using tunnel = await TunnelProcess.start({
    config: { sentinels: [sentinel.seed], databases: [{ name: 'mymaster', listen: 0 }], drainMs },
    args,
  });
  await run(tunnel);
}

test('run needs no file: Sentinels and databases may come from flags', async () => {
  await withoutLeaks(async () => {
    await using tunnel = await TunnelProcess.start({
      args: ['--sentinel', nobody, '--database', 'one=0', '--database', 'two=[::1]:0'],
    });
    const listening = tunnel.events('listener.opened').map((event) => event['database']);
    assert.deepEqual(listening, ['one', 'two']);
    assert.deepEqual(await tunnel.stop(), { code: 0, signal: null });
  });
});

test('run takes Sentinels, databases and the level of the log from the environment', async () => {
  await withoutLeaks(async () => {
    await using tunnel = await TunnelProcess.start({
      env: {
        SENTINEL_TUNNEL_SENTINELS: `${nobody}, 127.0.0.1:2`,
        SENTINEL_TUNNEL_DATABASES: 'one=0,two=0',
        SENTINEL_TUNNEL_LOG_LEVEL: 'debug',
      },
    });
    assert.equal(tunnel.events('listener.opened').length, 2);
    await tunnel.waitFor((event) => event.event === 'sentinel.down' && event['sentinel'] === '127.0.0.1:2');
  });
});

test('a flag wins over the environment, and the environment over the file', async () => {
  await withoutLeaks(async () => {
    await using tunnel = await TunnelProcess.start({
      config: { sentinels: [nobody], databases: [{ name: 'file', listen: 0 }], log: { level: 'error' } },
      env: { SENTINEL_TUNNEL_DATABASES: 'variable=0', SENTINEL_TUNNEL_SENTINELS: '127.0.0.1:2' },
      args: ['--database', 'flag=0', '--log-level', 'info'],
    });
    assert.deepEqual(
      tunnel.events('listener.opened').map((event) => event['database']),
      ['flag'],
    );
    await tunnel.waitFor((event) => event.event === 'sentinel.down' && event['sentinel'] === '127.0.0.1:2');
  });
});

test("the original's call works with the original's file, and appends to its log with mode 0640", async () => {
  await withoutLeaks(() =>
    inFolder(async (dir) => {
      const port = await freePort();
      const log = join(dir, 'st.log');
      await writeFile(log, 'what was there\n');
      await using tunnel = await TunnelProcess.start({
        config: {
          Sentinels_addresses_list: [nobody],
          Databases: [{ Name: 'db1', Local_port: String(port) }],
        },
        commandLine: (file) => [file, log],
        until: 'spawned',
      });
      await eventuallyPasses(async () => {
        assert.match(await readFile(log, 'utf8'), /"event":"tunnel.started"/);
      });
      const [first, ...lines] = (await readFile(log, 'utf8')).trimEnd().split('\n');
      assert.equal(first, 'what was there');
      const opened = lines.map((line) => JSON.parse(line) as Record<string, unknown>)[0];
      assert.match(String(opened?.['time']), /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$/);
      assert.deepEqual(
        { ...opened, time: '' },
        {
          level: 'info',
          time: '',
          event: 'listener.opened',
          database: 'db1',
          address: `127.0.0.1:${String(port)}`,
        },
      );
      const moved = `${log}.1`;
      await rename(log, moved);
      tunnel.signal('SIGHUP');
      await eventuallyPasses(async () => {
        assert.match(await readFile(log, 'utf8'), /"event":"log.reopened"/);
      });
      assert.equal((await stat(log)).mode & 0o777, 0o640);
      assert.deepEqual(await tunnel.stop(), { code: 0, signal: null });
      assert.match(await readFile(log, 'utf8'), /"event":"tunnel.stopped"[^\n]*\n$/);
      assert.equal(tunnel.log().trim(), '');
    }),
  );
});

test("the original's call writes to standard output for - and nowhere for /dev/null", async () => {
  await withoutLeaks(async () => {
    const config = { Sentinels_addresses_list: [nobody], Databases: [{ Name: 'db1', Local_port: 0 }] };
    await using loud = await TunnelProcess.start({ config, commandLine: (file) => [file, '-'] });
    assert.deepEqual(await loud.stop(), { code: 0, signal: null });
    const port = await freePort();
    await using silent = await TunnelProcess.start({
      config: { ...config, Databases: [{ Name: 'db1', Local_port: port }] },
      commandLine: (file) => [file, '/dev/null'],
      until: 'spawned',
    });
    await eventuallyPasses(async () => {
      await using client = await RespClient.connect(port);
      assert.ok(client);
    });
    assert.deepEqual(await silent.stop(), { code: 0, signal: null });
    assert.equal(silent.log().trim(), '');
  });
});

test('a log that cannot be written is told before anything listens, with exit code 1', async () => {
  await inFolder(async (dir) => {
    const config = join(dir, 'st.json');
    const log = join(dir, 'none', 'st.log');
    await writeFile(config, JSON.stringify({ sentinels: [nobody], databases: [{ name: 'm', listen: 0 }] }));
    const called = await call([config, log]);
    assert.match(
      called.stderr,
      new RegExp(`^sentinel-tunnel: Cannot write log "${log}": its directory does not exist\n`),
    );
    assertNoTrace(called);
    assert.equal(called.code, 1);
  });
});

test('when nothing can be listened on, the message names address and database, with exit code 1', async () => {
  const busy = createServer().listen(0, '127.0.0.1');
  try {
    await once(busy, 'listening');
    const address = busy.address();
    const port = typeof address === 'object' && address ? String(address.port) : '';
    const called = await call(['run', '--sentinel', nobody, '--database', `mymaster=${port}`]);
    assert.match(
      called.stderr,
      new RegExp(`^sentinel-tunnel: mymaster: .*127\\.0\\.0\\.1:${port}.*EADDRINUSE`),
    );
    assertNoTrace(called);
    assert.equal(called.code, 1);
  } finally {
    busy.close();
  }
});

test('one port in use does not take down the other databases', async () => {
  await withoutLeaks(async () => {
    const port = await freePort();
    const busy = createServer().listen(port, '127.0.0.1');
    await once(busy, 'listening');
    await using tunnel = await TunnelProcess.start({
      config: {
        sentinels: [nobody],
        databases: [
          { name: 'blocked', listen: port },
          { name: 'free', listen: 0 },
        ],
      },
    });
    assert.deepEqual(
      tunnel.events('listener.failed').map((event) => [event['database'], event['level']]),
      [['blocked', 'error']],
    );
    assert.ok(tunnel.port('free') > 0);
    busy.close();
    await tunnel.waitFor((event) => event.event === 'listener.opened' && event['database'] === 'blocked');
  });
});

test('SIGTERM ends it with 0 when every connection ends by itself', async () => {
  await withoutLeaks(() =>
    tunnelWithMaster(async (tunnel) => {
      const client = await tunnel.connect('mymaster');
      assert.equal(await client.command('PING'), 'PONG');
      tunnel.signal('SIGTERM');
      await tunnel.waitFor(({ event }) => event === 'tunnel.stopping');
      assert.equal(await client.command('PING'), 'PONG');
      await client[Symbol.asyncDispose]();
      assert.deepEqual(await tunnel.exited, { code: 0, signal: null });
    }),
  );
});

test('SIGTERM ends it with 3 when the drain deadline passes', async () => {
  await withoutLeaks(() =>
    tunnelWithMaster(
      async (tunnel) => {
        await using client = await tunnel.connect('mymaster');
        assert.equal(await client.command('PING'), 'PONG');
        assert.deepEqual(await tunnel.stop(), { code: 3, signal: null });
      },
      { drainMs: 100 },
    ),
  );
});

test('a second signal cuts what is left at once, and ends it with 3', async () => {
  await withoutLeaks(() =>
    tunnelWithMaster(
      async (tunnel) => {
        await using client = await tunnel.connect('mymaster');
        assert.equal(await client.command('PING'), 'PONG');
        tunnel.signal('SIGINT');
        await tunnel.waitFor(({ event }) => event === 'tunnel.stopping');
        tunnel.signal('SIGTERM');
        assert.deepEqual(await tunnel.exited, { code: 3, signal: null });
      },
      { drainMs: 60_000 },
    ),
  );
});
