import assert from 'node:assert/strict';
import { test } from 'node:test';
import { courseOf, roundMs, stepsOf } from '../../src/tunnel/steps.ts';
import { Storyteller, storySentence, type FailoverStory } from '../../src/tunnel/story.ts';

class Told {
  nowMs = 50_000;
  readonly teller = new Storyteller('mymaster', () => this.nowMs);

  at(ms: number, tell: (teller: Storyteller) => void): this {
    this.nowMs = 50_000 + ms;
    tell(this.teller);
    return this;
  }
}

function failover(): Told {
  return new Told()
    .at(-20_000, (teller) => {
      teller.said('s1', 'long ago');
    })
    .at(-240, (teller) => {
      teller.said('s1', '+try-failover');
    })
    .at(0, (teller) => {
      teller.left('M:1', 'a failover to X:2 has begun');
      teller.reached('fencedMs', 'fenced');
      teller.steered(20, 3, 0);
    })
    .at(4.26, (teller) => {
      teller.reached('promotedMs', 'X:2 has been promoted');
    })
    .at(4.4, (teller) => {
      teller.heading('X:2', 2);
      teller.reached('servedMs', 'serving X:2');
      teller.steered(0, 0, 23);
    })
    .at(6, (teller) => {
      teller.reached('firstByteMs', 'first byte');
    })
    .at(900, (teller) => {
      teller.reached('confirmedMs', 'confirmed');
    })
    .at(950, (teller) => {
      teller.reached('confirmedMs', 'confirmed again');
    });
}

test('a story has its milestones, what led up to it, who was cut and held', () => {
  const story = failover().teller.end();
  assert.ok(story);
  assert.deepEqual(
    { ...story, at: '', lines: story.lines.map(({ ms, who, what }) => `${String(ms)} ${who} ${what}`) },
    {
      database: 'mymaster',
      at: '',
      trigger: 'a failover to X:2 has begun',
      from: 'M:1',
      to: 'X:2',
      generation: 2,
      cut: 20,
      held: 23,
      fencedMs: 0,
      promotedMs: 4.3,
      servedMs: 4.4,
      firstByteMs: 6,
      confirmedMs: 900,
      lines: [
        '-240 s1 +try-failover',
        '0 tunnel fenced',
        '0 tunnel cut sessions: 20',
        '4.3 tunnel X:2 has been promoted',
        '4.4 tunnel serving X:2',
        '4.4 tunnel released held connections: 23',
        '6 tunnel first byte',
        '900 tunnel confirmed',
      ],
    },
  );
  assert.ok(Object.isFrozen(story));
  assert.equal(
    storySentence(story),
    'moved from M:1 to X:2, generation 2, not served for 4.4 ms (fenced at 0 ms, promoted at 4.3 ms, served at 4.4 ms, ' +
      'first byte at 6 ms, confirmed at 900 ms), sessions cut: 20, clients held: 23, because a failover to X:2 has begun',
  );
});

test('a story ends once, and nothing is told where there is none', () => {
  const { teller } = failover();
  assert.ok(teller.end());
  assert.equal(teller.end(), undefined);
  teller.steered(1, 1, 1);
  teller.reached('servedMs', 'x');
  teller.heading('x', 1);
  assert.equal(teller.milestones, undefined);
});

test('a master left again before the story is over counts from its first leaving, with new milestones', () => {
  const story = failover()
    .at(1000, (teller) => {
      teller.left('X:2', 'X:2 was not confirmed');
      teller.steered(5, 0, 0);
    })
    .at(1100, (teller) => {
      teller.heading('M:1', 3);
      teller.reached('servedMs', 'serving M:1');
    })
    .teller.end();
  assert.deepEqual(
    [story?.from, story?.to, story?.servedMs, story?.cut, story?.confirmedMs],
    ['M:1', 'M:1', 1100, 25, undefined],
  );
  assert.match(story ? storySentence(story) : '', /^back on M:1, generation 3, not served for 1100 ms/);
});

test('a story keeps no more than its bound of words', () => {
  const told = new Told();
  for (let count = 0; count < 1000; count += 1) told.teller.said('s1', String(count));
  told.teller.left('M:1', 'x');
  for (let count = 0; count < 1000; count += 1) told.teller.said('s1', String(count));
  const lines = told.teller.end()?.lines.length ?? 0;
  assert.ok(lines > 30 && lines <= 230, String(lines));
});

test('the steps of a failover are told in the order in which they were reached', () => {
  assert.deepEqual(stepsOf({ fencedMs: 0, servedMs: 5, promotedMs: 4, firstByteMs: 900, confirmedMs: 800 }), [
    { word: 'fenced', ms: 0 },
    { word: 'promoted', ms: 4 },
    { word: 'served', ms: 5 },
    { word: 'confirmed', ms: 800 },
    { word: 'first byte', ms: 900 },
  ]);
  assert.deepEqual(stepsOf({}), []);
  const fromElsewhere = { fencedMs: null, servedMs: 5 } as unknown as FailoverStory;
  assert.deepEqual(stepsOf(fromElsewhere), [{ word: 'served', ms: 5 }]);
  assert.deepEqual([0, 4.25, 99.94, 100.2, 1835.7].map(roundMs), ['0', '4.3', '99.9', '100', '1836']);
  assert.equal(courseOf({ from: 'a:1', to: 'a:1' }), 'back on a:1');
});

test('a story keeps the beginning of long words', () => {
  const teller = new Storyteller('m', () => 0);
  const words = 'w'.repeat(1_000_000);
  teller.said('s'.repeat(10_000), words);
  teller.left('10.0.0.1:6379', 't'.repeat(1_000_000));
  for (let count = 0; count < 1_000; count += 1) teller.said('s', words);
  const story = teller.end();
  assert.ok(JSON.stringify(story).length < 100_000);
});
