import assert from 'node:assert/strict';
import { test } from 'node:test';
import { formatEndpoint } from '../../../src/net/endpoint.ts';
import {
  seedRoster,
  withId,
  withListed,
  withListedIds,
  withoutLearnt,
  type Member,
} from '../../../src/sentinel/members/roster.ts';
import type { ListedSentinel } from '../../../src/sentinel/links/answer.ts';

const seeds = seedRoster([
  { host: 's1', port: 1 },
  { host: 's2', port: 2 },
]);

function listed(host: string, port: number, more: Partial<ListedSentinel> = {}): ListedSentinel {
  return { endpoint: { host, port }, id: `id of ${host}`, isUp: true, ...more };
}

function keys(roster: readonly Member[]): string[] {
  return roster.map(({ endpoint, isSeed }) => `${formatEndpoint(endpoint)}${isSeed ? '' : ' learnt'}`);
}

test('withListed() adds unknown Sentinels at the end', () => {
  const roster = withListed(seeds, [listed('s2', 2), listed('s3', 3), listed('::1', 4)]);
  assert.deepEqual(keys(roster), ['s1:1', 's2:2', 's3:3 learnt', '[::1]:4 learnt']);
  assert.equal(withListed(roster, [listed('s3', 3)]), roster);
});

test('withListed() leaves out Sentinels that are down or known under another address', () => {
  assert.equal(withListed(seeds, [listed('s3', 3, { isUp: false })]), seeds);
  const known = withId(seeds, { host: 's1', port: 1 }, 'one');
  assert.equal(withListed(known, [listed('10.0.0.1', 1, { id: 'one' })]), known);
});

test('withListed() stops at its limit', () => {
  const many = Array.from({ length: 1000 }, (_, index) => listed('h', index + 1, { id: undefined }));
  assert.equal(withListed(seeds, many).length, 32);
});

test('withId() drops a learnt member that turns out to be a known one', () => {
  const roster = withId(
    withListed(seeds, [listed('10.0.0.1', 1, { id: 'one' })]),
    { host: 's1', port: 1 },
    'one',
  );
  assert.deepEqual(keys(roster), ['s1:1', 's2:2']);
  assert.equal(roster[0]?.id, 'one');
});

test('withId() drops the learnt member even if it is the one that tells its run id', () => {
  const roster = withId(
    withListed(seeds, [listed('10.0.0.1', 1, { id: undefined })]),
    { host: 's1', port: 1 },
    'one',
  );
  assert.deepEqual(keys(withId(roster, { host: '10.0.0.1', port: 1 }, 'one')), ['s1:1', 's2:2']);
});

test('withId() keeps seeds, also two that are the same Sentinel', () => {
  const roster = withId(withId(seeds, { host: 's1', port: 1 }, 'one'), { host: 's2', port: 2 }, 'one');
  assert.deepEqual(keys(roster), ['s1:1', 's2:2']);
});

test('withId() drops a learnt member also where two seeds are the same Sentinel', () => {
  const learnt = withListed(seeds, [listed('10.0.0.1', 1, { id: 'one' })]);
  const [first, second] = [
    { host: 's1', port: 1 },
    { host: 's2', port: 2 },
  ] as const;
  const both = withId(withId(learnt, first, 'one'), second, 'one');
  assert.deepEqual(keys(both), ['s1:1', 's2:2']);
  assert.equal(withId(both, first, 'one'), both);
});

test('withListedIds() sets the run ids of members that do not tell theirs, and of no other', () => {
  const identified = withId(seeds, { host: 's1', port: 1 }, 'one');
  const roster = withListedIds(identified, [
    listed('s1', 1, { id: 'another' }),
    listed('s2', 2, { id: 'two' }),
    listed('s9', 9),
  ]);
  assert.deepEqual(
    roster.map(({ id }) => id),
    ['one', 'two'],
  );
  assert.equal(withListedIds(roster, [listed('s2', 2, { id: 'three' })]), roster);
});

test('withId() changes nothing for an unknown member, or for a known run id', () => {
  assert.equal(withId(seeds, { host: 'gone', port: 1 }, 'x'), seeds);
  const once = withId(seeds, { host: 's1', port: 1 }, 'one');
  assert.equal(withId(once, { host: 's1', port: 1 }, 'one'), once);
});

test('withoutLearnt() drops learnt members and never a seed', () => {
  const roster = withListed(seeds, [listed('s3', 3)]);
  assert.deepEqual(keys(withoutLearnt(roster, { host: 's3', port: 3 })), ['s1:1', 's2:2']);
  assert.deepEqual(keys(withoutLearnt(roster, { host: 's1', port: 1 })), keys(roster));
});
