import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lossBetween } from '../../src/tunnel/loss.ts';

const old = {
  ...{ role: 'master', offset: 100, appliedOffset: undefined, id: 'a' },
  ...{ formerId: undefined, formerEnd: undefined, isLinked: false, replicas: [] },
};
const next = {
  ...{ role: 'master', offset: 120, appliedOffset: undefined, id: 'b' },
  ...{ formerId: 'a', formerEnd: 101, isLinked: false, replicas: [] },
};

test('nothing is lost where the new master had the whole history of the old one', () => {
  assert.deepEqual([lossBetween(old, next).writes, lossBetween(old, next).bytes], [0, 0]);
  assert.equal(lossBetween(old, { ...next, formerEnd: 200 }).writes, 0);
});

test('what the new master lacks is told in bytes, for what they were cannot be known', () => {
  assert.deepEqual(
    [lossBetween(old, { ...next, formerEnd: 90 }).writes, lossBetween(old, { ...next, formerEnd: 90 }).bytes],
    [null, 11],
  );
});

test('what came after every client was at rest was none of their writes', () => {
  const lagging = { ...next, formerEnd: 90 };
  for (const [atRest, writes] of [
    [89, 0],
    [90, null],
    [undefined, null],
  ] as const) {
    const loss = lossBetween(old, lagging, atRest);
    assert.deepEqual([loss.writes, loss.bytes], [writes, 11], String(atRest));
  }
});

test('nothing is claimed where the two cannot be compared', () => {
  for (const loss of [
    lossBetween(undefined, next),
    lossBetween(old, undefined),
    lossBetween({ ...old, role: 'slave' }, next),
    lossBetween(old, { ...next, formerId: 'c' }),
  ])
    assert.deepEqual([loss.writes, loss.bytes], [null, null]);
});
