import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readAnnouncement } from '../../src/sentinel/links/announcement.ts';
import { MasterWatch } from '../../src/sentinel/watch.ts';
import { rules } from './decision/scene.ts';
import { eventually, FakeRedis, withoutLeaks } from '../support/index.ts';

const roster = { sentinels: ['s1'], seeds: ['s1'] };

test('hear() steers by a new view before it reports anything, and asks the Sentinels last', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    const calls: string[] = [];
    const watch = new MasterWatch(
      rules,
      roster,
      {
        steer: ({ phase }) => calls.push(`steer ${phase.kind}`),
        report: ({ kind }) => calls.push(`report ${kind}`),
      },
      { wakeSentinels: () => calls.push('wake') },
    );
    const answer = {
      kind: 'address',
      endpoint: { host: redis.host, port: redis.port },
      epoch: 1,
      flags: [],
    } as const;
    for (let count = 0; count < 2; count += 1) {
      const { round } = watch;
      watch.hear({ kind: 'answered', sentinel: 's1', answer, round, tookMs: 0, id: undefined });
    }
    await eventually(() => watch.view().phase.kind === 'serving');
    calls.length = 0;
    const port = String(redis.port);
    const announcement = readAnnouncement(
      '+failover-state-send-slaveof-noone',
      `slave 127.0.0.1:1 127.0.0.1 1 @ mymaster ${redis.host} ${port}`,
    );
    assert.ok(announcement);
    watch.hear({ kind: 'announced', sentinel: 's1', announcement, id: undefined });
    assert.deepEqual(calls, ['steer fenced', 'report announced', 'report view', 'wake']);
    watch.close();
  });
});

test('hear() does not steer where the view has not changed', async () => {
  await withoutLeaks(async () => {
    const calls: string[] = [];
    const watch = new MasterWatch(
      rules,
      roster,
      { steer: () => calls.push('steer'), report: ({ kind }) => calls.push(`report ${kind}`) },
      { wakeSentinels: () => undefined },
    );
    const announcement = readAnnouncement('+sdown', 'master mymaster 127.0.0.1 1');
    assert.ok(announcement);
    watch.hear({ kind: 'announced', sentinel: 's1', announcement, id: undefined });
    assert.deepEqual(calls, ['report announced']);
    watch.close();
    await Promise.resolve();
  });
});
