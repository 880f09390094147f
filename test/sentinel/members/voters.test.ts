import assert from 'node:assert/strict';
import { test } from 'node:test';
import { seedRoster, withId, withListed } from '../../../src/sentinel/members/roster.ts';
import { votersOf } from '../../../src/sentinel/members/voters.ts';
import type { ListedSentinel } from '../../../src/sentinel/links/answer.ts';

const seeds = seedRoster([
  { host: 's1', port: 1 },
  { host: 's2', port: 2 },
]);

function listed(host: string, port: number): ListedSentinel {
  return { endpoint: { host, port }, id: `id of ${host}`, isUp: true };
}

test('votersOf() gives the vote to one address per Sentinel, the first that answers', () => {
  const aliases = withId(withId(seeds, { host: 's1', port: 1 }, 'one'), { host: 's2', port: 2 }, 'one');
  const roster = withListed(aliases, [listed('s3', 3), listed('s4', 4)]);
  const counts = (key: string): boolean => key === 's3:3';
  const voters = (...up: readonly string[]): unknown => {
    const { keys: voting, aliases: silent } = votersOf(roster, counts, (key) => up.includes(key));
    return [[...voting], Object.fromEntries(silent)];
  };
  assert.deepEqual(voters(), [['s1:1', 's3:3'], { 's2:2': 's1:1' }]);
  assert.deepEqual(voters('s1:1', 's2:2'), [['s1:1', 's3:3'], { 's2:2': 's1:1' }]);
  assert.deepEqual(voters('s2:2'), [['s2:2', 's3:3'], { 's1:1': 's2:2' }]);
});

test('votersOf() gives each address without a run id a vote of its own', () => {
  assert.deepEqual(
    votersOf(
      seeds,
      () => false,
      () => true,
    ).keys,
    ['s1:1', 's2:2'],
  );
});
