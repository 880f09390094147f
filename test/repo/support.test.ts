import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createServer } from 'node:net';
import { test } from 'node:test';
import { promisify } from 'node:util';
import {
  badReplies,
  cannotMakeNamespaces,
  FakeSentinel,
  FakeServer,
  FullBacklog,
  Network,
  patienceMs,
  RedisProcess,
  RespClient,
  startCluster,
  withoutLeaks,
  childrenAlive,
} from '../support/index.ts';

const run = promisify(execFile);

test('startCluster() returns a cluster that can fail over at once, and leaves nothing behind', async () => {
  await withoutLeaks(async () => {
    await using cluster = await startCluster();
    assert.equal(childrenAlive().length, 6);
    const promoted = await cluster.failoverAndSettle();
    assert.notEqual(promoted, cluster.master);
    assert.equal(await promoted.command('SET', 'key', 'value'), 'OK');
  });
});

test('addMaster() adds a master that the same Sentinels can fail over by itself', async () => {
  await withoutLeaks(async () => {
    await using cluster = await startCluster({ replicas: 1, password: 'secret', sentinelPassword: 'other' });
    const other = await cluster.addMaster('other', { replicas: 1, password: 'secret' });
    assert.equal(await other.failoverAndSettle(1), other.replica(0));
    assert.equal(await cluster.masterNow(), cluster.master);
  });
});

test('RedisProcess keeps its port over a restart, and answers nothing while it is frozen', async () => {
  await withoutLeaks(async () => {
    await using redis = await RedisProcess.start();
    const { port } = redis;
    redis.freeze();
    await using client = await RespClient.connect(port, { deadlineMs: 100 });
    await assert.rejects(client.command('PING'), /No reply within 100 ms/);
    redis.thaw();
    assert.equal(await client.readReply(patienceMs), 'PONG');
    await redis.restart();
    assert.equal(await client.closed, 'fin');
    assert.equal(await redis.command('PING'), 'PONG');
    assert.equal(redis.port, port);
  });
});

test('FakeSentinel answers as scripted, publishes to subscribers, and counts what it was asked', async () => {
  await withoutLeaks(async () => {
    await using fake = await FakeSentinel.start({
      masters: { mymaster: { host: '127.0.0.1', port: 7001 } },
      chunking: 'bytes',
    });
    await using client = await RespClient.connect(fake.port);
    const ask = ['SENTINEL', 'get-master-addr-by-name', 'mymaster'];
    assert.deepEqual(await client.command(...ask), ['127.0.0.1', '7001']);
    assert.equal(await client.command('SENTINEL', 'get-master-addr-by-name', 'nosuch'), null);
    assert.deepEqual(await client.command('SUBSCRIBE', '+switch-master'), ['subscribe', '+switch-master', 1]);
    assert.equal(fake.publish('+switch-master', 'moved'), 1);
    assert.deepEqual(await client.readReply(), ['message', '+switch-master', 'moved']);
    fake.script = () => ({ raw: badReplies.noauth });
    await assert.rejects(client.command('PING'), { message: 'NOAUTH Authentication required.' });
    assert.equal(fake.count('SENTINEL'), 2);
    assert.equal(fake.accepted, 1);
  });
});

test('FakeServer sends its greeting whole before it closes', async () => {
  await withoutLeaks(async () => {
    const manners = { accept: 'close', greeting: '+WELCOME\r\n', chunking: 'bytes' } as const;
    await using fake = await FakeServer.listen(() => 'hang', manners);
    await using client = await RespClient.connect(fake.port);
    assert.equal(await client.readReply(patienceMs), 'WELCOME');
    assert.equal(await client.closed, 'fin');
  });
});

test('FullBacklog answers no SYN', { skip: process.platform !== 'linux' && 'Linux only' }, async () => {
  await withoutLeaks(async () => {
    await using full = await FullBacklog.start();
    await assert.rejects(RespClient.connect(full.port, { deadlineMs: 300 }), /within 300 ms/);
  });
});

test(
  'Network cuts two namespaces off from each other and heals them',
  { skip: await cannotMakeNamespaces() },
  async () => {
    await withoutLeaks(async () => {
      await using network = await Network.create();
      const [one, other] = [await network.add(), await network.add()];
      await using redis = await RedisProcess.start({ host: one.address, prefix: one.prefix, port: 7001 });
      const [command = '', ...prefix] = other.prefix;
      const ping = [...prefix, 'redis-cli', '-h', redis.host, '-p', '7001', 'ping'];
      const pingFromOther = (timeout = patienceMs): Promise<unknown> => run(command, ping, { timeout });
      await pingFromOther();
      await network.partition(one, other);
      await assert.rejects(pingFromOther(1000));
      assert.equal(await redis.command('PING'), 'PONG');
      await network.heal(one, other);
      await pingFromOther();
    });
  },
);

test('withoutLeaks() fails a test that leaves a listener behind', async () => {
  const server = createServer();
  const leaking = withoutLeaks(async () => {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }, 100);
  await assert.rejects(leaking, /Left behind: TCPServerWrap/);
  server.close();
});
