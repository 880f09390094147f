import assert from 'node:assert/strict';
import { test } from 'node:test';
import { denialLine, refusalLine } from '../../../src/relay/core/refusal.ts';
import { ReplyError, type Reply } from '../../../src/redis/resp.ts';
import {
  readInfoReplication,
  readReplication,
  readRole,
  roleQuestions,
  untoldRole,
} from '../../../src/redis/role.ts';
import { readAnnouncement, readAnswer, readSentinels } from '../../../src/sentinel/links/announcement.ts';

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

test('readReplication() reads what a master counts, and nothing of what makes no sense', () => {
  const replica = ['10.0.0.2', '6379', '3129659'];
  const endpoint = { host: '10.0.0.2', port: 6379 };
  assert.deepEqual(readReplication(['master', 5679, [replica]]), {
    offset: 5679,
    replicas: [{ endpoint, offset: 3129659 }],
  });
  // Dragonfly has no offset of its own, and a state in the place of that of a replica.
  assert.deepEqual(readReplication(['master', [['10.0.0.2', '6379', 'online']]]), {
    offset: undefined,
    replicas: [{ endpoint, offset: undefined }],
  });
  const many = readReplication(['master', 5679, Array.from({ length: 1000 }, () => replica)]);
  assert.equal(many?.replicas.length, 64);
  const odd = [null, 'x', [], ['10.0.0.2'], ['', '6379'], ['10.0.0.2', '99999'], [1, 2]];
  assert.deepEqual(readReplication(['master', 5679, odd])?.replicas, []);
  for (const reply of [['master'], ['master', null, null], ['master', 'x', 7]])
    assert.deepEqual(readReplication(reply), { offset: undefined, replicas: [] });
  for (const reply of [null, 'x', [], ['slave', 1, [replica]], new ReplyError('NOPERM')])
    assert.equal(readReplication(reply), undefined);
});

test('readInfoReplication() reads the same from INFO, and nothing of what makes no sense', () => {
  const text = [
    '# Replication',
    'role:master',
    'slave0:ip=10.0.0.2,port=6379,state=online,offset=5277,lag=0',
    'slave1:ip=fd00::2,port=6380,state=wait_bgsave',
    'slave2:ip=,port=6379',
    'slave3:ip=10.0.0.4,port=99999',
    'slave4:10.0.0.5,6379,online',
    'slave_read_only:1',
    'master_repl_offset:5679',
    '',
  ].join('\r\n');
  assert.deepEqual(readInfoReplication(text), {
    offset: 5679,
    replicas: [
      { endpoint: { host: '10.0.0.2', port: 6379 }, offset: 5277 },
      { endpoint: { host: 'fd00::2', port: 6380 }, offset: undefined },
    ],
  });
  const many = 'slave0:ip=10.0.0.2,port=6379\r\n'.repeat(1000);
  assert.equal(readInfoReplication(many)?.replicas.length, 64);
  for (const reply of [null, 1, [], new ReplyError('NOPERM')])
    assert.equal(readInfoReplication(reply), undefined);
});

test('readRole() reads what servers call themselves, and nothing of what makes no sense', () => {
  for (const [reply, kind] of [
    [['master', 5679, []], 'master'],
    [['master', []], 'master'],
    [['slave', '127.0.0.1', 17001, 'connected', 5679], 'replica'],
    [['replica', '127.0.0.1', '17001', 'stable_sync'], 'replica'],
    [['active-replica', '127.0.0.1', 17001, 'connected', 5679], 'active-replica'],
    // KeyDB with several masters: one of these for each.
    [[1, 2].map(() => ['active-replica', '127.0.0.1', 17001, 'connected', 5679]), 'active-replica'],
    [[1, 2].map(() => ['slave', '127.0.0.1', 17001, 'connected', 5679]), 'replica'],
  ] as const)
    assert.deepEqual(readRole(reply), { kind });
  assert.deepEqual(readRole(['sentinel', ['mymaster']]), { kind: 'unusable', why: 'it is a Sentinel' });
  // Our own refusal: a Sentinel that names a tunnel would lead it to itself.
  for (const line of [
    refusalLine('shutting down'),
    denialLine('not allowed'),
    '-ERR sentinel-tunnel: of an older version',
  ])
    assert.equal(readRole(new ReplyError(line.slice(1).trimEnd()))?.kind, 'unusable', line);
  for (const reply of ['OK', null, [], [1], ['primary'], [[]], [[['master']]], new ReplyError('NOPERM')])
    assert.equal(readRole(reply as Reply), undefined);
});

test('untoldRole() fails open where the role is not for us, and trusts nothing that makes no sense', () => {
  const [question] = roleQuestions;
  for (const text of ['NOAUTH Authentication required.', 'NOPERM this user', "ERR unknown command 'ROLE'"]) {
    assert.deepEqual(untoldRole(question, new ReplyError(text)), { kind: 'unverifiable', why: text });
  }
  for (const reply of ['OK', null, [], [1], ['primary']] as Reply[])
    assert.deepEqual(untoldRole(question, reply), {
      kind: 'unusable',
      why: 'its answer to ROLE makes no sense',
    });
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
