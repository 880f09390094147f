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
import { votersOf } from '../../../src/sentinel/members/voters.ts';
import type { ListedSentinel } from '../../../src/sentinel/links/answer.ts';

const seeds = seedRoster([
  { host: 's1', port: 1 },
  { host: 's2', port: 2 },
]);

function named(host: string, port: number, more: Partial<ListedSentinel> = {}): ListedSentinel {
  return { endpoint: { host, port }, id: `id of ${host}`, isUp: true, ...more };
}

function keys(roster: readonly Member[]): string[] {
  return roster.map(({ endpoint, isSeed }) => `${formatEndpoint(endpoint)}${isSeed ? '' : ' learnt'}`);
}

test('withListed() adds the unknown ones at the end', () => {
  const roster = withListed(seeds, [named('s2', 2), named('s3', 3), named('::1', 4)]);
  assert.deepEqual(keys(roster), ['s1:1', 's2:2', 's3:3 learnt', '[::1]:4 learnt']);
  assert.equal(withListed(roster, [named('s3', 3)]), roster);
});

test('withListed() leaves out those that are down, and those known under another address', () => {
  assert.equal(withListed(seeds, [named('s3', 3, { isUp: false })]), seeds);
  const known = withId(seeds, { host: 's1', port: 1 }, 'one');
  assert.equal(withListed(known, [named('10.0.0.1', 1, { id: 'one' })]), known);
});

test('withListed() stops at its bound, whatever is named', () => {
  const many = Array.from({ length: 1000 }, (_, index) => named('h', index + 1, { id: undefined }));
  assert.equal(withListed(seeds, many).length, 32);
});

test('withId() drops a learnt member that turns out to be one already known', () => {
  const roster = withId(
    withListed(seeds, [named('10.0.0.1', 1, { id: 'one' })]),
    { host: 's1', port: 1 },
    'one',
  );
  assert.deepEqual(keys(roster), ['s1:1', 's2:2']);
  assert.equal(roster[0]?.id, 'one');
});

test('withId() drops the learnt member also when it is the one that tells', () => {
  const roster = withId(
    withListed(seeds, [named('10.0.0.1', 1, { id: undefined })]),
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
  const learnt = withListed(seeds, [named('10.0.0.1', 1, { id: 'one' })]);
  const [first, second] = [
    { host: 's1', port: 1 },
    { host: 's2', port: 2 },
  ] as const;
  const both = withId(withId(learnt, first, 'one'), second, 'one');
  assert.deepEqual(keys(both), ['s1:1', 's2:2']);
  assert.equal(withId(both, first, 'one'), both);
});

test('withListedIds() takes the ids that others give for those that tell none, and for no other', () => {
  const told = withId(seeds, { host: 's1', port: 1 }, 'one');
  const roster = withListedIds(told, [
    named('s1', 1, { id: 'another' }),
    named('s2', 2, { id: 'two' }),
    named('s9', 9),
  ]);
  assert.deepEqual(
    roster.map(({ id }) => id),
    ['one', 'two'],
  );
  assert.equal(withListedIds(roster, [named('s2', 2, { id: 'three' })]), roster);
});

test('votersOf() gives one address per Sentinel the vote: the first that answers', () => {
  const aliases = withId(withId(seeds, { host: 's1', port: 1 }, 'one'), { host: 's2', port: 2 }, 'one');
  const roster = withListed(aliases, [named('s3', 3), named('s4', 4)]);
  const counts = (key: string): boolean => key === 's3:3';
  const voters = (...up: readonly string[]): unknown => {
    const { keys: voting, aliases: silent } = votersOf(roster, counts, (key) => up.includes(key));
    return [[...voting], Object.fromEntries(silent)];
  };
  assert.deepEqual(voters(), [['s1:1', 's3:3'], { 's2:2': 's1:1' }]);
  assert.deepEqual(voters('s1:1', 's2:2'), [['s1:1', 's3:3'], { 's2:2': 's1:1' }]);
  assert.deepEqual(voters('s2:2'), [['s2:2', 's3:3'], { 's1:1': 's2:2' }]);
});

test('votersOf() lets those vote whose ids are not known, each for itself', () => {
  assert.deepEqual(
    votersOf(
      seeds,
      () => false,
      () => true,
    ).keys,
    ['s1:1', 's2:2'],
  );
});

test('withId() of a member that is not there, or that is known already, changes nothing', () => {
  assert.equal(withId(seeds, { host: 'gone', port: 1 }, 'x'), seeds);
  const once = withId(seeds, { host: 's1', port: 1 }, 'one');
  assert.equal(withId(once, { host: 's1', port: 1 }, 'one'), once);
});

test('withoutLearnt() drops learnt members and never a seed', () => {
  const roster = withListed(seeds, [named('s3', 3)]);
  assert.deepEqual(keys(withoutLearnt(roster, { host: 's3', port: 3 })), ['s1:1', 's2:2']);
  assert.deepEqual(keys(withoutLearnt(roster, { host: 's1', port: 1 })), keys(roster));
});
