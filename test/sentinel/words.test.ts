import assert from 'node:assert/strict';
import { test } from 'node:test';
import { ReplyError, type Reply } from '../../src/sentinel/resp.ts';
import { readReplicas, readRole } from '../../src/sentinel/role.ts';
import { readAnnouncement, readAnswer, readSentinels } from '../../src/sentinel/words.ts';

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

test('readAnswer() takes IPv6 addresses and host names as they are said', () => {
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

test('readAnswer() has no epoch where it is refused or makes no sense', () => {
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

test('readAnswer() tells a name that is not monitored from a Sentinel that is of no use', () => {
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

test('readSentinels() reads the others, and which of them are up', () => {
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

const promotion = 'slave 127.0.0.1:17003 127.0.0.1 17003 @ mymaster 127.0.0.1 17001';

test('readAnnouncement() reads who is about to be promoted, in place of whom', () => {
  for (const channel of ['+failover-state-send-slaveof-noone', '+failover-state-wait-promotion']) {
    assert.deepEqual(readAnnouncement(channel, promotion), {
      kind: 'promoting',
      name: 'mymaster',
      channel,
      payload: promotion,
      candidate: { host: '127.0.0.1', port: 17003 },
      master: { host: '127.0.0.1', port: 17001 },
      isReachable: true,
      isOrdered: channel === '+failover-state-wait-promotion',
    });
  }
});

test('readAnnouncement() reads IPv6 addresses and host names of a promotion', () => {
  const v6 = readAnnouncement(
    '+failover-state-wait-promotion',
    'slave [::1]:17002 ::1 17002 @ db1@internal ::1 17001',
  );
  assert.ok(v6?.kind === 'promoting');
  assert.deepEqual(
    [v6.name, v6.candidate, v6.master],
    ['db1@internal', { host: '::1', port: 17002 }, { host: '::1', port: 17001 }],
  );
  const name = readAnnouncement('+failover-state-wait-promotion', 'slave r1:6379 r1 6379 @ mymaster r0 6379');
  assert.ok(name?.kind === 'promoting');
  assert.deepEqual(name.candidate, { host: 'r1', port: 6379 });
});

test('readAnnouncement() finds the master name wherever the payload has it', () => {
  const payloads: readonly (readonly [string, string, string])[] = [
    ['+switch-master', 'mymaster 127.0.0.1 17001 127.0.0.1 17003', 'hint'],
    ['+sdown', 'master mymaster 127.0.0.1 17001', 'hint'],
    ['+sdown', 'slave 127.0.0.1:17002 127.0.0.1 17002 @ mymaster 127.0.0.1 17001', 'hint'],
    ['+monitor', 'master mymaster 127.0.0.1 17001 quorum 2', 'hint'],
    ['+sentinel', 'sentinel abc 127.0.0.1 17052 @ mymaster 127.0.0.1 17001', 'hint'],
    ['-failover-abort-no-good-slave', 'master mymaster 127.0.0.1 17001', 'ended'],
    // Of no use as a promotion, but still a reason to ask.
    ['+failover-state-wait-promotion', 'slave x 127.0.0.1 0 @ mymaster 127.0.0.1 17001', 'hint'],
  ];
  for (const [channel, payload, kind] of payloads) {
    const read = readAnnouncement(channel, payload);
    assert.equal(read?.name, 'mymaster', payload);
    assert.equal(read.kind, kind, payload);
  }
});

test('readAnnouncement() has nothing to say of what names no master', () => {
  const payloads = [
    ['+tilt', '#tilt mode entered'],
    ['+switch-master', ''],
    ['+sdown', ''],
    ['+sdown', 'master'],
    ['+sdown', 'slave 127.0.0.1:17002 127.0.0.1 17002'],
    ['+failover-state-wait-promotion', 'slave x 127.0.0.1 17003 @'],
  ] as const;
  for (const [channel, payload] of payloads)
    assert.equal(readAnnouncement(channel, payload), undefined, payload);
});

test('readReplicas() reads what a master counts, and nothing of what makes no sense', () => {
  const replica = ['10.0.0.2', '6379', '3129659'];
  assert.deepEqual(readReplicas(['master', 5679, [replica]]), [{ host: '10.0.0.2', port: 6379 }]);
  assert.equal(readReplicas(['master', 5679, Array.from({ length: 1000 }, () => replica)]).length, 64);
  const odd = [null, 'x', [], ['10.0.0.2'], ['', '6379'], ['10.0.0.2', '99999'], [1, 2]];
  assert.deepEqual(readReplicas(['master', 5679, odd]), []);
  for (const reply of [null, 'x', [], ['master'], ['slave', 1, [replica]], new ReplyError('NOPERM')])
    assert.deepEqual(readReplicas(reply), []);
});

test('readRole() fails open where ROLE is not for us, and trusts nothing that makes no sense', () => {
  assert.deepEqual(readRole(['master', 5679, []]), { kind: 'master' });
  // Our own refusal: a Sentinel that names a tunnel would lead it to itself.
  assert.equal(readRole(new ReplyError('ERR sentinel-tunnel: shutting down')).kind, 'unusable');
  assert.deepEqual(readRole(['slave', '127.0.0.1', 17001, 'connected', 5679]), { kind: 'replica' });
  assert.deepEqual(readRole(['sentinel', ['mymaster']]), { kind: 'unusable', why: 'it is a Sentinel' });
  for (const text of ['NOAUTH Authentication required.', 'NOPERM this user', "ERR unknown command 'ROLE'"]) {
    assert.deepEqual(readRole(new ReplyError(text)), { kind: 'unverifiable', why: text });
  }
  for (const reply of ['OK', null, [], [1], ['primary']] as Reply[])
    assert.equal(readRole(reply).kind, 'unusable');
});

test('readAnswer() says that a Redis server in the place of a Sentinel is none', () => {
  for (const text of ["ERR unknown command 'SENTINEL', with args", 'ERR unknown command `SENTINEL`']) {
    const answer = readAnswer(new ReplyError(text), new ReplyError(text));
    assert.match(
      JSON.stringify(answer),
      /^\{"kind":"error","text":"it is no Sentinel, and looks like a Redis server: /,
    );
  }
});
