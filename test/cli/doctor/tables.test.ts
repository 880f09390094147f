import assert from 'node:assert/strict';
import { test } from 'node:test';
import { nearestFirst } from '../../../src/cli/doctor/diagnosis.ts';
import { whyNoCandidate } from '../../../src/cli/doctor/find-replicas.ts';

test('whyNoCandidate() tells by its row why a replica would not be promoted', () => {
  const sound = { flags: 'slave', 'slave-priority': '100', 'master-link-status': 'ok' };
  for (const [change, why] of [
    [{}, undefined],
    [{ flags: 's_down,slave,disconnected' }, 'it is down'],
    [{ flags: 'slave,disconnected' }, 'the Sentinel has no connection to it'],
    [{ 'slave-priority': '0' }, 'its replica-priority is 0'],
    [{ 'master-link-status': 'err' }, 'its link to the master is down'],
    [{ 'role-reported': 'master' }, 'it says that it is a master itself'],
  ] as const) {
    assert.equal(whyNoCandidate(new Map(Object.entries({ ...sound, ...change })), undefined), why);
  }
  const cut = new Map(Object.entries({ ...sound, 'master-link-status': 'err' }));
  assert.equal(whyNoCandidate(cut, 0), undefined, 'every link is down where the master is');
  assert.equal(
    whyNoCandidate(new Map([['flags', 'slave']]), undefined),
    undefined,
    'what is not told is no fault',
  );
});

test('nearestFirst() puts what was probably meant before the rest', () => {
  const names = new Set(['cache', 'mymaster', 'another', 'mymaster2']);
  assert.deepEqual(nearestFirst('MyMaster', names), ['mymaster', 'mymaster2', 'another', 'cache']);
  assert.deepEqual(nearestFirst('x', new Set()), []);
});
