import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplyError, type Reply } from '../../../src/redis/resp.ts';
import { readAnswer, readSentinels } from '../../../src/sentinel/links/answer.ts';

const noSuchMaster = new ReplyError('ERR No such master with that name');

test('readAnswer() takes the address from one reply and the epoch from the other', () => {
  // On the leader of a failover SENTINEL MASTER prints the old address with the new epoch.
  const master = [
    'name',
    'm',
    'ip',
    '10.0.0.1',
    'port',
    '1',
    'flags',
    'master,failover_in_progress',
    'config-epoch',
    '7',
  ];
  assert.deepEqual(readAnswer(['10.0.0.2', '6379'], master), {
    kind: 'address',
    endpoint: { host: '10.0.0.2', port: 6379 },
    epoch: 7,
    flags: ['master', 'failover_in_progress'],
  });
});

test('readAnswer() reads IPv6 addresses and host names as Sentinel prints them', () => {
  for (const host of ['::1', 'fd00::2', 'redis-0.redis.default.svc', 'localhost']) {
    const answer = readAnswer([host, '6379'], null);
    assert.deepEqual(answer, {
      kind: 'address',
      endpoint: { host, port: 6379 },
      epoch: undefined,
      flags: [],
    });
  }
});

test('readAnswer() has no epoch where SENTINEL MASTER is refused or invalid', () => {
  for (const master of [
    new ReplyError('NOPERM'),
    null,
    'OK',
    ['config-epoch', 'x'],
    ['config-epoch', '-1'],
    [],
  ]) {
    const answer = readAnswer(['h', '1'], master);
    assert.equal(answer.kind === 'address' ? answer.epoch : 'none', undefined);
  }
});

test('readAnswer() tells an unknown name from an error', () => {
  assert.deepEqual(readAnswer(null, noSuchMaster), { kind: 'unknown' });
  for (const text of ['IDONTKNOW I have not enough information', 'LOADING', 'DENIED']) {
    assert.deepEqual(readAnswer(new ReplyError(text), new ReplyError(text)), { kind: 'error', text });
  }
  const denied = readAnswer(new ReplyError('NOAUTH Authentication required.'), null);
  assert.ok(denied.kind === 'error' && denied.code === 'ST_SENTINEL_AUTH');
  assert.match(denied.text, /^it asks for a password, set sentinel\.password/);
  const senseless: readonly Reply[] = [
    'OK',
    42,
    [],
    ['127.0.0.1'],
    ['127.0.0.1', 6379],
    ['127.0.0.1', '6379', 'more'],
    [null, '6379'],
    ['', '6379'],
    ['0.0.0.0', '6379'],
    ['::', '6379'],
    ['a b', '6379'],
    ['a\u001b[2J', '6379'],
    ['h'.repeat(254), '6379'],
    ['h', '0'],
    ['h', '65536'],
    ['h', '-1'],
    ['h', 'redis'],
    ['h', ''],
    ['h', '6379 '],
  ];
  for (const reply of senseless) assert.equal(readAnswer(reply, null).kind, 'error', JSON.stringify(reply));
});

test('readAnswer() recognizes a Redis server in place of a Sentinel', () => {
  for (const text of ["ERR unknown command 'SENTINEL', with args", 'ERR unknown command `SENTINEL`']) {
    const answer = readAnswer(new ReplyError(text), new ReplyError(text));
    assert.match(
      JSON.stringify(answer),
      /^\{"kind":"error","text":"it is not a Sentinel but looks like a Redis server: /,
    );
  }
});

test('readSentinels() reads the other Sentinels, and whether they are up', () => {
  const entry = (flags: string, ip = '10.0.0.9'): Reply => [
    'name',
    'x',
    'ip',
    ip,
    'port',
    '26379',
    'runid',
    'abc',
    'flags',
    flags,
  ];
  const named = readSentinels([
    entry('sentinel'),
    entry('s_down,sentinel'),
    entry('sentinel,disconnected'),
    entry('sentinel', ''),
    ['ip', 'h'],
    'nonsense',
  ]);
  assert.deepEqual(
    named.map(({ id, isUp, endpoint }) => ({ id, isUp, host: endpoint.host })),
    [
      { id: 'abc', isUp: true, host: '10.0.0.9' },
      { id: 'abc', isUp: false, host: '10.0.0.9' },
      { id: 'abc', isUp: false, host: '10.0.0.9' },
    ],
  );
  assert.deepEqual(readSentinels(noSuchMaster), []);
  assert.deepEqual(readSentinels(null), []);
});
