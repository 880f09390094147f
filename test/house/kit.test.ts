import assert from 'node:assert/strict';
import { test } from 'node:test';
import { childrenAlive, startCluster } from '../kit/index.ts';

void test('startCluster() returns a cluster that can fail over at once, and leaves no process behind', async () => {
  {
    await using cluster = await startCluster();
    assert.equal(childrenAlive().length, 6);
    const promoted = await cluster.failoverAndSettle();
    assert.notEqual(promoted, cluster.master);
    assert.equal(await promoted.command('SET', 'key', 'value'), 'OK');
  }
  assert.deepEqual(childrenAlive(), []);
});
