import assert from 'node:assert/strict';
import { test } from 'node:test';
import { denialLine, refusalLine } from '../../src/net/refusal-reply.ts';
import { ReplyError, type Reply } from '../../src/redis/resp.ts';
import { readReplication, readRole, roleCommands, roleFromError } from '../../src/redis/role.ts';

test('readReplication() reads the replicas that a master lists, and leaves out invalid entries', () => {
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

test('readRole() reads the role in the reply to ROLE, and nothing in an invalid reply', () => {
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

test('roleFromError() is unverifiable for an error reply and unusable for an invalid one', () => {
  const [command] = roleCommands;
  for (const text of ['NOAUTH Authentication required.', 'NOPERM this user', "ERR unknown command 'ROLE'"]) {
    assert.deepEqual(roleFromError(command, new ReplyError(text)), { kind: 'unverifiable', why: text });
  }
  for (const reply of ['OK', null, [], [1], ['primary']] as Reply[])
    assert.deepEqual(roleFromError(command, reply), {
      kind: 'unusable',
      why: 'its reply to ROLE is not valid',
    });
});
