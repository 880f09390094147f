import assert from 'node:assert/strict';
import { test } from 'node:test';
import { lossBetween } from '../../src/tunnel/replication.ts';

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

test('bytes that the new master lacks are counted, and lost writes are unknown', () => {
  assert.deepEqual(
    [lossBetween(old, { ...next, formerEnd: 90 }).writes, lossBetween(old, { ...next, formerEnd: 90 }).bytes],
    [null, 11],
  );
});

test('bytes after every client was frozen are none of their writes', () => {
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

test('the loss is unknown when the two masters cannot be compared', () => {
  for (const loss of [
    lossBetween(undefined, next),
    lossBetween(old, undefined),
    lossBetween({ ...old, role: 'slave' }, next),
    lossBetween(old, { ...next, formerId: 'c' }),
  ])
    assert.deepEqual([loss.writes, loss.bytes], [null, null]);
});
