import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readReplicationInfo } from '../../src/redis/info.ts';
import { ReplyError } from '../../src/redis/resp.ts';

test('readReplicationInfo() reads the replicas that a master lists, and leaves out invalid entries', () => {
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
  const { role, offset, replicas } = readReplicationInfo(text) ?? {};
  assert.deepEqual(
    { role, offset, replicas },
    {
      role: 'master',
      offset: 5679,
      replicas: [
        { endpoint: { host: '10.0.0.2', port: 6379 }, offset: 5277 },
        { endpoint: { host: 'fd00::2', port: 6380 }, offset: undefined },
      ],
    },
  );
  const many = Array.from({ length: 1000 }, (_, index) => `slave${String(index)}:ip=10.0.0.2,port=6379`).join(
    '\r\n',
  );
  assert.equal(readReplicationInfo(many)?.replicas.length, 64);
  for (const reply of [null, 1, [], new ReplyError('NOPERM')])
    assert.equal(readReplicationInfo(reply), undefined);
});

test('readReplicationInfo() takes no field from the address of a replica', () => {
  for (const end of ['\u2028', '\u2029', '\n', '\r']) {
    const text = `role:master\r\nslave0:ip=x${end}master_repl_offset:1${end}role:slave,port=1\r\nmaster_repl_offset:42\r\n`;
    const { role, offset } = readReplicationInfo(text) ?? {};
    assert.deepEqual([role, offset], ['master', 42], JSON.stringify(end));
  }
});

test('readReplicationInfo() reads the reply of redis 7.0.15', () => {
  const text =
    '# Replication\r\nrole:master\r\nconnected_slaves:0\r\nmaster_replid:abc\r\nmaster_replid2:def\r\nmaster_repl_offset:42\r\nsecond_repl_offset:-1\r\n';
  assert.deepEqual(readReplicationInfo(text), {
    role: 'master',
    offset: 42,
    appliedOffset: undefined,
    isLinked: false,
    id: 'abc',
    formerId: 'def',
    formerEnd: undefined,
    replicas: [],
  });
});
