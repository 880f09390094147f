import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAnnouncement } from '../../../src/sentinel/links/announcement.ts';

const promotion = 'slave 127.0.0.1:17003 127.0.0.1 17003 @ mymaster 127.0.0.1 17001';

test('readAnnouncement() reads the candidate and the master of a promotion', () => {
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

test('readAnnouncement() ignores messages that name no master', () => {
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
