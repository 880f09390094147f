import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/properties.ts';
import { choose, type Adopted, type Vote } from '../../../src/sentinel/decision/vote-order.ts';

const hosts = { a: 1, b: 2, c: 3 } as const;
type Letter = keyof typeof hosts;

/** `a1` is an address under epoch 1, `a` the same under an unknown epoch. */
function said(text: string): { endpoint: { host: string; port: number }; epoch: number | undefined } {
  const letter = text.slice(0, 1) as Letter;
  return {
    endpoint: { host: letter, port: hosts[letter] },
    epoch: text.length > 1 ? Number(text.slice(1)) : undefined,
  };
}

function votesOf(text: string): Vote[] {
  return text
    .split(' ')
    .filter(Boolean)
    .map((vote, index) => ({ sentinel: `s${String(index + 1)}`, ...said(vote) }));
}

function chosen(votes: string, adopted: string, known: number): string {
  const before: Adopted | undefined = adopted === '' ? undefined : { ...said(adopted), by: 's0' };
  const after = choose(votesOf(votes), before, known);
  if (!after) return '';
  return `${after.endpoint.host}${String(after.epoch ?? '')}${after === before ? '' : ` by ${after.by}`}`;
}

const table: readonly (readonly [
  name: string,
  votes: string,
  adopted: string,
  known: number,
  expected: string,
])[] = [
  ['no votes, nothing adopted', '', '', 3, ''],
  ['no votes keep what is adopted', '', 'a1', 3, 'a1'],
  ['the first address of all, from anyone', 'a0', '', 3, 'a0 by s1'],
  ['the highest epoch beats more votes', 'a0 b1 a0', '', 3, 'b1 by s2'],
  ['more votes at the same epoch', 'a0 b0 b0', '', 3, 'b0 by s2'],
  ['order of preference at a tie', 'b0 a0', '', 3, 'b0 by s1'],
  ['more votes where no epoch is known', 'a b b', '', 3, 'b by s2'],
  ['an unknown epoch is not older than a known one', 'a0 b b', '', 3, 'b by s2'],
  ['nothing new', 'a1 a1 a1', 'a1', 3, 'a1'],
  ['one vote with a higher epoch is enough', 'a1 a1 b2', 'a1', 3, 'b2 by s3'],
  ['the highest of two higher epochs', 'c2 b3 a1', 'a1', 3, 'b3 by s2'],
  ['a higher epoch of the same address', 'a2 a1 a1', 'a1', 3, 'a2 by s1'],
  ['a stale minority at a lower epoch', 'a0', 'b1', 3, 'b1'],
  ['a stale majority at a lower epoch beside one that knows', 'a0 a0 b1', 'b1', 3, 'b1'],
  ['a lower epoch when a majority is unanimous', 'a0 a0', 'b1', 3, 'a0 by s1'],
  ['a lower epoch when a majority is not unanimous', 'a0 a0 c0', 'b1', 3, 'b1'],
  ['a lower epoch of the same address, unanimous', 'a0 a0 a0', 'a5', 3, 'a0 by s1'],
  ['a lower epoch of the same address, one vote', 'a0', 'a5', 3, 'a5'],
  ['the same epoch needs a majority', 'b1', 'a1', 3, 'a1'],
  ['the same epoch has a majority', 'b1 b1 a1', 'a1', 3, 'b1 by s1'],
  ['half is no majority', 'b b', 'a', 4, 'a'],
  ['of two Sentinels, one is no majority', 'b', 'a', 2, 'a'],
  ['a single Sentinel is all there is', 'b', 'a', 1, 'b by s1'],
  ['without epochs a majority moves', 'b b a', 'a', 3, 'b by s1'],
  ['without epochs one vote does not', 'b a a', 'a', 3, 'a'],
  ['an epoch that becomes known for the adopted address', 'a4', 'a', 3, 'a4 by s1'],
  ['a known epoch elsewhere is not newer than an unknown one', 'b0', 'a', 3, 'a'],
  ['a known epoch elsewhere with a majority', 'b0 b0', 'a', 3, 'b0 by s1'],
  ['an epoch that becomes known, and another that is newer', 'a1 b2 a1', 'a', 3, 'b2 by s2'],
  ['an epoch that is no longer readable', 'a a a', 'a3', 3, 'a3'],
  ['unknown epochs against a known one need all who answer', 'b b a', 'a3', 3, 'a3'],
  ['unknown epochs, a majority and unanimous', 'b b', 'a3', 3, 'b by s1'],
  ['a newer epoch counts also beside unknown ones', 'a a b4', 'a3', 3, 'b4 by s3'],
];

for (const [name, votes, adopted, known, expected] of table) {
  test(`choose(): ${name}`, () => {
    assert.equal(chosen(votes, adopted, known), expected);
  });
}

const voteText = fc
  .tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom('', '0', '1', '2'))
  .map((parts) => parts.join(''));

test('choose() returns the adopted address or a named one, never another', () => {
  fc.assert(
    fc.property(fc.array(voteText, { maxLength: 5 }), fc.option(voteText, { nil: '' }), (votes, adopted) => {
      const [choice = ''] = chosen(votes.join(' '), adopted, Math.max(3, votes.length)).split(' ');
      const named = new Set([...votes, adopted].map((vote) => vote.slice(0, 1)));
      assert.ok(choice === '' || named.has(choice.slice(0, 1)));
    }),
    { numRuns: 2000 },
  );
});

test('choose() never leaves the adopted address by less than a majority at an epoch that is not higher', () => {
  fc.assert(
    fc.property(fc.array(voteText, { maxLength: 5 }), voteText, (votes, adopted) => {
      const known = 5;
      const [choice = ''] = chosen(votes.join(' '), adopted, known).split(' ');
      const letter = choice.slice(0, 1);
      if (letter === adopted.slice(0, 1)) return;
      // Where the adopted epoch was not known, the votes for the address may tell it.
      const epochs = votes
        .filter((vote) => vote.startsWith(adopted.slice(0, 1)))
        .map((vote) => said(vote).epoch ?? -1);
      const newest = Math.max(-1, ...epochs);
      const epoch = said(adopted).epoch ?? (newest === -1 ? undefined : newest);
      const isHigher = votes.some(
        (vote) => vote.startsWith(letter) && epoch !== undefined && (said(vote).epoch ?? -1) > epoch,
      );
      assert.ok(isHigher || votes.filter((vote) => vote.startsWith(letter)).length * 2 > known);
    }),
    { numRuns: 2000 },
  );
});

test('choose() keeps its own choice', () => {
  fc.assert(
    fc.property(fc.array(voteText, { maxLength: 5 }), fc.option(voteText, { nil: '' }), (votes, adopted) => {
      const before: Adopted | undefined = adopted === '' ? undefined : { ...said(adopted), by: 's0' };
      const once = choose(votesOf(votes.join(' ')), before, 5);
      const twice = choose(votesOf(votes.join(' ')), once, 5);
      assert.deepEqual(twice?.endpoint, once?.endpoint);
    }),
    { numRuns: 5000 },
  );
});
