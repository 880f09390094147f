import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Connection } from '../../src/redis/connection.ts';
import {
  eventually,
  FakeServer,
  freePort,
  FullBacklog,
  patienceMs,
  withoutLeaks,
  type Answer,
} from '../support/index.ts';

const get = ['SENTINEL', 'get-master-addr-by-name', 'mymaster'];

async function failure(promise: Promise<unknown>): Promise<{ code: string; message: string }> {
  try {
    await promise;
  } catch (error) {
    assert.ok(error instanceof Error && 'code' in error);
    return { code: String(error.code), message: error.message.replace(/127\.0\.0\.1:\d+/g, 'HERE') };
  }
  throw new Error('It did not fail');
}

test('open() has a deadline, fails with the code of a refusal, and stops when its signal aborts', async () => {
  await withoutLeaks(async () => {
    await using blackhole = await FullBacklog.start();
    assert.deepEqual(await failure(Connection.open(blackhole, 100)), {
      code: 'ST_REDIS_TIMEOUT',
      message: 'HERE has not accepted a connection within 100 ms',
    });
    assert.deepEqual(
      await failure(Connection.open({ host: '127.0.0.1', port: await freePort() }, patienceMs)),
      {
        code: 'ST_REDIS_UNREACHABLE',
        message: 'Cannot reach HERE: connection refused (ECONNREFUSED)',
      },
    );
    const controller = new AbortController();
    const opening = Connection.open(blackhole, 60_000, { signal: controller.signal });
    controller.abort();
    assert.equal((await failure(opening)).code, 'ST_CLOSED');
    assert.equal(
      (await failure(Connection.open(blackhole, 60_000, { signal: controller.signal }))).code,
      'ST_CLOSED',
    );
  });
});

test('send() returns replies in order, without waiting for earlier ones', async () => {
  await withoutLeaks(async () => {
    await using server = await FakeServer.listen(([, word = '']) => ({ reply: word }), { chunking: 'bytes' });
    const connection = await Connection.open(server, patienceMs);
    const replies = await Promise.all(
      ['a', 'b', 'c'].map((word) => connection.send(['ECHO', word], patienceMs)),
    );
    assert.deepEqual(replies, ['a', 'b', 'c']);
    connection.close();
    assert.equal((await failure(connection.send(get, 1000))).code, 'ST_CLOSED');
  });
});

test('send() ends the connection and all pending commands when one reply misses its deadline', async () => {
  await withoutLeaks(async () => {
    await using server = await FakeServer.listen(() => 'hang');
    const connection = await Connection.open(server, patienceMs);
    const [first, second] = await Promise.all([
      failure(connection.send(get, 100)),
      failure(connection.send(['PING'], 60_000)),
    ]);
    assert.deepEqual(first, {
      code: 'ST_REDIS_TIMEOUT',
      message: 'HERE has not answered SENTINEL get-master-addr-by-name within 100 ms',
    });
    assert.deepEqual(second, first);
    assert.equal(connection.whyEnded()?.code, 'ST_REDIS_TIMEOUT');
    await eventually(() => server.connections.length === 0);
  });
});

test('send() rejects a reply that was read after its deadline, even if the timer has not fired', async (t) => {
  await withoutLeaks(async () => {
    let answer: (() => void) | undefined;
    await using server = await FakeServer.listen((_, connection) => {
      answer = () => {
        connection.send('+OLD\r\n');
      };
      return 'hang';
    });
    const connection = await Connection.open(server, patienceMs);
    const asked = failure(connection.send(get, 60_000));
    await eventually(() => answer);
    // As if this process had been stopped for an hour in between.
    const real = performance.now.bind(performance);
    t.mock.method(performance, 'now', () => real() + 3_600_000);
    answer?.();
    assert.equal((await asked).code, 'ST_REDIS_TIMEOUT');
    t.mock.restoreAll();
  });
});

test('an invalid reply, or a reply to no command, ends the connection with an error that quotes it', async () => {
  const cases: readonly (readonly [Answer, string, string])[] = [
    [
      { raw: 'HTTP/1.1 400 Bad Request\r\n' },
      'ST_REDIS_REPLY_INVALID',
      'HERE: Not the Redis protocol: a reply begins with byte 72, expected one of "+-:$*"',
    ],
    ['close', 'ST_REDIS_UNREACHABLE', 'HERE closed the connection'],
    [{ raw: '+PONG\r\n-ERR something\r\n' }, 'ST_REDIS_REPLY_ERROR', 'HERE said: ERR something'],
    [{ raw: '+PONG\r\n:1\r\n' }, 'ST_REDIS_REPLY_ERROR', 'HERE said: a reply to no command'],
  ];
  await withoutLeaks(async () => {
    for (const [answer, code, message] of cases) {
      await using server = await FakeServer.listen(() => answer);
      const connection = await Connection.open(server, patienceMs);
      const ended = new Promise((resolve) => {
        connection.onEnded(resolve);
      });
      await connection.send(['PING'], patienceMs).catch(() => undefined); // the reason is looked at below
      await ended;
      assert.deepEqual(await failure(connection.send(['PING'], 1000)), { code, message });
    }
  });
});

test('the error of a server that refuses and closes is quoted', async () => {
  await withoutLeaks(async () => {
    await using server = await FakeServer.listen((_, connection) => {
      connection.send('-ERR max number of clients reached\r\n');
      return 'close';
    });
    const connection = await Connection.open(server, patienceMs);
    const [, second] = await Promise.all([
      connection.send(['PING'], patienceMs),
      failure(connection.send(['PING'], patienceMs)),
    ]);
    assert.equal(
      second.message,
      'HERE closed the connection, having said: ERR max number of clients reached',
    );
  });
});

test('an aborted signal closes an open connection', async () => {
  await withoutLeaks(async () => {
    await using server = await FakeServer.listen(() => 'hang');
    const controller = new AbortController();
    const connection = await Connection.open(server, patienceMs, { signal: controller.signal });
    const asked = failure(connection.send(['PING'], 60_000));
    controller.abort();
    assert.equal((await asked).code, 'ST_CLOSED');
  });
});

test('onMessage() gets messages between replies, and none after the end', async () => {
  await withoutLeaks(async () => {
    const message = '*3\r\n$7\r\nmessage\r\n$1\r\nc\r\n$1\r\nm\r\n';
    await using server = await FakeServer.listen(() => ({
      raw: `${message}+PONG\r\n${message}+UNASKED\r\n${message}`,
    }));
    const connection = await Connection.open(server, patienceMs);
    const heard: string[] = [];
    connection.onMessage((channel, payload) => heard.push(`${channel} ${payload}`));
    assert.equal(await connection.send(['PING'], patienceMs), 'PONG');
    assert.equal(connection.whyEnded()?.code, 'ST_REDIS_REPLY_ERROR');
    assert.deepEqual(heard, ['c m', 'c m']);
  });
});
