import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile, stat } from 'node:fs/promises';
import { createServer } from 'node:net';
import process from 'node:process';
import { test } from 'node:test';
import { promisify } from 'node:util';
import type { Status } from '../../src/admin/status.ts';
import {
  ask,
  awaitServing,
  encodeCommand,
  eventually,
  FakeRedis,
  FakeSentinel,
  freePort,
  RedisProcess,
  ReplyError,
  RespClient,
  startThrough,
  TunnelProcess,
  withoutLeaks,
} from '../support/index.ts';
import { originalConfig, startDropIn } from './drop-in.ts';

const onLinux = { skip: process.platform !== 'linux' && 'reads /proc' };

test('replies that come after the client has half-closed arrive', async () => {
  await withoutLeaks(async () => {
    await using redis = await RedisProcess.start();
    await using sentinel = await sentinelOf(redis);
    await using tunnel = await startDropIn([sentinel.seed], ['db1']);
    await awaitServing(tunnel, 'db1'); // one that ends its side while it waits has left
    await using client = await tunnel.connect('db1');
    const ping = encodeCommand(['PING']);
    for (let count = 0; count < 500; count++) client.write(ping);
    client.end();
    for (let count = 0; count < 500; count++) assert.equal(await client.readReply(), 'PONG');
    assert.equal(await client.closed, 'fin');
  });
});

test(
  'when descriptors run out the program goes on, and accepts again once some are free',
  onLinux,
  async () => {
    await withoutLeaks(async () => {
      await using redis = await FakeRedis.start();
      await using sentinel = await FakeSentinel.start({
        masters: { db1: { host: redis.host, port: redis.port }, db2: { host: redis.host, port: redis.port } },
      });
      await using tunnel = await startDropIn([sentinel.seed], ['db1', 'db2']);
      await promisify(execFile)('prlimit', [`--pid=${tunnel.pid}`, '--nofile=64:64']);
      await using first = await tunnel.connect('db1');
      assert.equal(await first.command('PING'), 'PONG');
      const crowd = await Promise.all(Array.from({ length: 80 }, () => tunnel.connect('db1')));
      await eventually(async () => (await descriptors(tunnel.pid)) > 55);
      assert.equal(await first.command('PING'), 'PONG');
      for (const client of crowd) await client.close();
      for (const name of ['db1', 'db2']) {
        await eventually(async () => {
          await using client = await tunnel.connect(name);
          return (await client.command('PING')) === 'PONG';
        });
      }
      assert.equal(tunnel.exit, undefined);
    });
  },
);

test('only loopback is listened on', onLinux, async () => {
  await withoutLeaks(async () => {
    await using sentinel = await FakeSentinel.start();
    await using tunnel = await startDropIn([sentinel.seed], ['db1']);
    const port = tunnel.port('db1');
    // Every address of 127.0.0.0/8 is local on Linux: a listener on all interfaces would accept on this one too.
    for (const host of ['127.0.0.2', '::1']) {
      await assert.rejects(RespClient.connect(port, { host }), { code: 'ECONNREFUSED' });
    }
  });
});

test('a port in use takes no other database down, and is listened on once it is free', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using sentinel = await FakeSentinel.start({
      masters: { db1: { host: redis.host, port: redis.port }, db2: { host: redis.host, port: redis.port } },
    });
    const blocker = createServer();
    const port = await freePort();
    blocker.listen(port, '127.0.0.1');
    await once(blocker, 'listening');
    try {
      const free = await freePort();
      await using tunnel = await TunnelProcess.start({
        config: {
          Sentinels_addresses_list: [sentinel.seed],
          Databases: [
            { Name: 'db1', Local_port: String(port) },
            { Name: 'db2', Local_port: String(free) },
          ],
        },
        commandLine: (file) => [file, '-'],
      });
      await tunnel.waitFor(({ event, database }) => event === 'listener.failed' && database === 'db1');
      await using client = await tunnel.connect('db2');
      assert.equal(await client.command('PING'), 'PONG');
      blocker.close();
      await tunnel.waitFor(({ event, database }) => event === 'listener.opened' && database === 'db1');
      await using other = await tunnel.connect('db1');
      assert.equal(await other.command('PING'), 'PONG');
    } finally {
      blocker.close();
    }
  });
});

test('SIGTERM lets a command in flight finish, then exits with 0', async () => {
  await withoutLeaks(async () => {
    await using redis = await RedisProcess.start();
    await using sentinel = await sentinelOf(redis);
    await using tunnel = await startDropIn([sentinel.seed], ['db1']);
    await using client = await tunnel.connect('db1');
    assert.equal(await client.command('PING'), 'PONG');
    client.write(encodeCommand(['BLPOP', 'queue', 0]));
    await eventually(async () => (await redis.info('clients')).get('blocked_clients') === '1');
    tunnel.signal('SIGTERM');
    await tunnel.waitFor(({ event }) => event === 'tunnel.stopping');
    await redis.command('RPUSH', 'queue', 'value');
    assert.deepEqual(await client.readReply(), ['queue', 'value']);
    await eventually(async () => {
      try {
        await (await tunnel.connect('db1')).close();
        return false;
      } catch (error) {
        return error instanceof Error && 'code' in error && error.code === 'ECONNREFUSED';
      }
    });
    client.end();
    assert.deepEqual(await tunnel.exited, { code: 0, signal: null });
  });
});

test('a client that cannot be served is told why in an error reply', async () => {
  await withoutLeaks(async () => {
    await using sentinel = await FakeSentinel.start();
    const source = { name: 'nosuch', seeds: [sentinel.seed] };
    await using tunnel = await startThrough(source, { database: { holdMs: 300 } });
    await tunnel.waitFor(({ event }) => event === 'master.missing');
    await using client = await tunnel.connect('nosuch');
    client.write(encodeCommand(['PING']));
    const reply = await client.readReply();
    assert.ok(reply instanceof ReplyError);
    assert.match(reply.message, /^LOADING sentinel-tunnel: no Sentinel monitors "nosuch"/);
    assert.equal(await client.closed, 'fin');
  });
});

test('a client that waits at shutdown is told so', async () => {
  await withoutLeaks(async () => {
    await using sentinel = await FakeSentinel.start();
    const port = await freePort();
    const env = { SENTINEL_TUNNEL_ADMIN: `127.0.0.1:${port}` };
    await using tunnel = await startDropIn([sentinel.seed], ['nosuch'], { env });
    await using client = await tunnel.connect('nosuch');
    client.write(encodeCommand(['PING']));
    await eventually(async () => {
      const status = (await ask(port, '/status')).json() as Status;
      return status.databases[0]?.counters?.held === 1;
    });
    tunnel.signal('SIGTERM');
    const reply = await client.readReply();
    assert.ok(reply instanceof ReplyError);
    assert.match(reply.message, /^LOADING sentinel-tunnel: shutting down/);
    assert.deepEqual(await tunnel.exited, { code: 0, signal: null });
  });
});

test('clients that leave while they wait leave nothing behind', onLinux, async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using sentinel = await FakeSentinel.start({
      masters: { db1: { host: redis.host, port: redis.port } },
    });
    await using tunnel = await startDropIn([sentinel.seed], ['db1', 'db2']);
    await using client = await tunnel.connect('db1');
    assert.equal(await client.command('PING'), 'PONG');
    await eventually(() => sentinel.server.connections.length === 2);
    const before = await descriptors(tunnel.pid);
    const impatient = await Promise.all(Array.from({ length: 200 }, () => tunnel.connect('db2')));
    await eventually(async () => (await descriptors(tunnel.pid)) >= before + 200);
    const accepted = redis.accepted;
    for (const each of impatient) await each.close();
    await eventually(async () => (await descriptors(tunnel.pid)) <= before);
    sentinel.masters.set('db2', { host: redis.host, port: redis.port });
    await using late = await tunnel.connect('db2');
    assert.equal(await late.command('PING'), 'PONG');
    assert.ok(redis.accepted <= accepted + 3, 'nobody was connected for those who had left');
  });
});

test('the number of connections is limited, and one more is told so', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using sentinel = await FakeSentinel.start({
      masters: { db1: { host: redis.host, port: redis.port } },
    });
    const source = { name: 'db1', seeds: [sentinel.seed] };
    await using tunnel = await startThrough(source, { database: { maxConnections: 2 } });
    await using one = await tunnel.connect('db1');
    await using two = await tunnel.connect('db1');
    assert.equal(await one.command('PING'), 'PONG');
    assert.equal(await two.command('PING'), 'PONG');
    await using three = await tunnel.connect('db1');
    const reply = await three.readReply();
    assert.match(String(reply), /sentinel-tunnel: the limit of 2 connections to "db1" is reached/);
    assert.equal(await one.command('PING'), 'PONG');
  });
});

test('both sides of an idle session are kept alive', onLinux, async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using sentinel = await FakeSentinel.start({
      masters: { db1: { host: redis.host, port: redis.port } },
    });
    await using tunnel = await startDropIn([sentinel.seed], ['db1']);
    await using client = await tunnel.connect('db1');
    assert.equal(await client.command('PING'), 'PONG');
    const clientPort = client.socket.localPort ?? 0;
    // A timer of the kind "2" in /proc/net/tcp is the keepalive timer (proc_net_tcp.txt of the kernel).
    await eventually(async () => (await timersOf(tunnel.port('db1'), clientPort)).includes('02'));
    await eventually(async () => {
      const timers = await timersOfTarget(redis.port);
      return timers.filter((timer) => timer === '02').length >= 2; // the session, and our own probe
    });
  });
});

test(
  'the log is what the command line says: labelled levels, in the file alone, not writable by others',
  onLinux,
  async () => {
    await withoutLeaks(async () => {
      await using sentinel = await FakeSentinel.start();
      await using tunnel = await TunnelProcess.start({
        config: await originalConfig([sentinel.seed], ['nosuch']),
        commandLine: (file) => [file, 'tunnel.log'],
        env: { SENTINEL_TUNNEL_LOG_LEVEL: 'debug' },
        prefix: ['sh', '-c', 'umask 0; exec "$@"', 'sh'],
        until: 'spawned',
      });
      const file = `${tunnel.dir}/tunnel.log`;
      const lines = await eventually(async () => {
        const text = await readFile(file, 'utf8');
        return text.includes('master.missing') && text.split('\n').filter(Boolean);
      });
      const levels = lines.map((line) => (JSON.parse(line) as { level: unknown }).level); // ours, one object a line
      assert.ok(levels.every((level) => ['debug', 'info', 'warn', 'error'].includes(String(level))));
      assert.equal(tunnel.log(), '');
      const { mode } = await stat(file);
      assert.equal(mode & 0o022, 0);
    });
  },
);

test('with /dev/null for the log a failure to start is still told on standard error', async () => {
  await withoutLeaks(async () => {
    await using tunnel = await TunnelProcess.start({
      config: { Sentinels_addresses_list: ['127.0.0.1:1'], Databases: [] },
      commandLine: (file) => [file, '/dev/null'],
      until: 'spawned',
    });
    assert.deepEqual(await tunnel.exited, { code: 2, signal: null });
    assert.match(tunnel.log(), /Databases/);
  });
});

async function sentinelOf(redis: RedisProcess): Promise<FakeSentinel> {
  return await FakeSentinel.start({ masters: { db1: { host: redis.host, port: redis.port } } });
}

async function descriptors(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

async function timersOf(localPort: number, remotePort: number): Promise<string[]> {
  return (await sockets())
    .filter(({ local, remote }) => local.endsWith(hex(localPort)) && remote.endsWith(hex(remotePort)))
    .map(({ timer }) => timer);
}

async function timersOfTarget(remotePort: number): Promise<string[]> {
  return (await sockets()).filter(({ remote }) => remote.endsWith(hex(remotePort))).map(({ timer }) => timer);
}

function hex(port: number): string {
  return `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

async function sockets(): Promise<{ local: string; remote: string; state: string; timer: string }[]> {
  const text = await readFile('/proc/net/tcp', 'utf8');
  return text
    .trim()
    .split('\n')
    .slice(1)
    .map((line) => {
      const [, local = '', remote = '', state = '', , timer = ''] = line.trim().split(/\s+/);
      return { local, remote, state, timer: timer.slice(0, 2) };
    });
}
