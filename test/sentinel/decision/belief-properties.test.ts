import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../../support/properties.ts';
import { formatEndpoint } from '../../../src/net/endpoint.ts';
import { isUsable, nextDeadline, type Rules } from '../../../src/sentinel/decision/belief.ts';
import { step } from '../../../src/sentinel/decision/step.ts';
import { answering, reporting } from '../../../src/sentinel/decision/tally.ts';
import { letterOf, rules, Scene } from './scene.ts';

const sentinels = ['s1', 's2', 's3'];
const sentinel = fc.constantFrom(...sentinels);
const letter = fc.constantFrom('M', 'X', 'Y');
const answer = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.tuple(letter, fc.constantFrom('', '0', '1', '2')).map((parts) => parts.join('')),
  },
  { weight: 1, arbitrary: fc.constantFrom('unknown', 'unreachable', 'error') },
);
const role = fc.constantFrom('master', 'master', 'replica', 'noauth', 'silent');

/** One thing that happens. Those of a real failover are likelier than they would be by chance. */
const happening = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('answers' as const), texts: fc.tuple(answer, answer, answer) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('answer' as const), sentinel, answer, late: fc.nat(2) }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('promoting' as const), sentinel, to: letter, from: letter }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('probed' as const), letter, role, late: fc.nat(1) }),
  },
  // What chance alone would rarely produce: all agree, a failover of the served master, an answer from a queried Sentinel.
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('agree' as const), answer }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('lead' as const), sentinel, to: letter }) },
  { weight: 8, arbitrary: fc.record({ kind: fc.constant('verify' as const), role }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('aborted' as const), sentinel }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('unsubscribed' as const), sentinel }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('roster-changed' as const), roster: fc.subarray(sentinels) }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 1, max: 6000 }) }),
  },
);
type Happening = typeof happening extends fc.Arbitrary<infer T> ? T : never;

function play(scene: Scene, what: Happening): void {
  switch (what.kind) {
    case 'answers':
      scene.answers(...what.texts);
      return;
    case 'answer':
      scene.answer(what.sentinel, what.answer, what.late);
      return;
    case 'agree':
      scene.answers(what.answer, what.answer, what.answer);
      return;
    case 'lead': {
      const { adopted } = scene.belief;
      if (adopted) scene.promoting(what.sentinel, what.to, letterOf(adopted.endpoint));
      return;
    }
    case 'verify': {
      const { adopted, fence } = scene.belief;
      const asked = fence && fence.kind !== 'asking' ? fence.candidate : adopted?.endpoint;
      if (asked) scene.probed(letterOf(asked), what.role);
      return;
    }
    case 'promoting':
      scene.promoting(what.sentinel, what.to, what.from);
      return;
    case 'probed':
      scene.probed(what.letter, what.role, what.late);
      return;
    case 'aborted':
      scene.aborted(what.sentinel);
      return;
    case 'unsubscribed':
      scene.unlinked(what.sentinel);
      return;
    case 'roster-changed':
      scene.rostered(...what.roster);
      return;
    case 'pass':
      scene.pass(what.ms);
      return;
    default:
      throw new Error(`Not played: ${JSON.stringify(what)}`);
  }
}

/** Checks after every single event. */
class WatchedScene extends Scene {
  readonly #look: (scene: WatchedScene, before: WatchedScene['belief']) => void;

  constructor(changes: Partial<Rules>, look: (scene: WatchedScene, before: WatchedScene['belief']) => void) {
    super(changes);
    this.#look = look;
  }

  override hear(event: Parameters<typeof step>[1]): this {
    const before = this.belief;
    super.hear(event);
    this.#look(this, before);
    return this;
  }
}

const history = fc.array(happening, { maxLength: 40 });
const changes = fc.record({
  failover: fc.constantFrom('promoted' as const, 'promoted' as const, 'announced' as const),
  onSentinelLoss: fc.constantFrom('serve' as const, 'refuse' as const),
});
const runs = { numRuns: 3000 };

function servedBy(scene: Scene): string | undefined {
  const { phase } = scene.view();
  return phase.kind === 'serving' ? formatEndpoint(phase.endpoint) : undefined;
}

/** Everything at once, so that one history is played once. How often each thing was really put to the test is counted. */
test('for any interleaving, the invariants of a belief hold', () => {
  let served = 0;
  let provisional = 0;
  let forbidden = 0;
  fc.assert(
    fc.property(changes, fc.boolean(), history, (changed, isBegun, happenings) => {
      const named = new Set<string>();
      const servedUnder = new Map<number, string>();
      const scene = new WatchedScene(changed, (now, before) => {
        const { belief } = now;
        for (const { answer: said } of belief.reports.values())
          if (said.kind === 'address') named.add(formatEndpoint(said.endpoint));
        if (belief.fence && belief.fence.kind !== 'asking') named.add(formatEndpoint(belief.fence.candidate));
        assert.ok(belief.generation >= before.generation, 'the generation went back');
        assert.ok(belief.round >= before.round, 'the round went back');

        const endpoint = servedBy(now);
        assert.equal(endpoint !== undefined, isUsable(belief));
        if (endpoint === undefined) {
          if (belief.isForbidden) forbidden += 1;
          return;
        }
        served += 1;
        if (belief.fence?.kind === 'provisional') provisional += 1;
        assert.ok(named.has(endpoint), `${endpoint} is served, but no Sentinel named it`);
        const { generation } = belief;
        assert.equal(servedUnder.get(generation) ?? endpoint, endpoint, 'two endpoints under one generation');
        servedUnder.set(generation, endpoint);
        assert.ok(generation > 0, 'served under generation 0');
        if (changed.onSentinelLoss === 'refuse')
          assert.ok(answering(belief) * 2 > reporting(belief), 'served by a minority');
        if (changed.failover === 'announced') assert.equal(belief.fence, undefined);
      });
      if (isBegun) scene.answers('M0', 'M0', 'M0').answers('M0', 'M0', 'M0').probed('M', 'master');
      for (const what of happenings) play(scene, what);
    }),
    runs,
  );
  assert.ok(
    served > 500 && provisional > 50 && forbidden > 100,
    `${String(served)} ${String(provisional)} ${String(forbidden)}`,
  );
});

test('for any interleaving, a fence ends in time, and what the Sentinels agree on is served after it', () => {
  let fenced = 0;
  fc.assert(
    fc.property(changes, history, letter, (changed, happenings, last) => {
      const scene = new Scene(changed);
      for (const what of happenings) play(scene, what);
      const { fence } = scene.belief;
      if (fence && fence.kind !== 'asking') {
        fenced += 1;
        assert.ok(nextDeadline(scene.belief) <= scene.nowMs + rules.fenceMs);
      }
      scene.pass(rules.fenceMs + rules.confirmMs);
      const after = scene.belief.fence;
      assert.ok(after === undefined || after.kind === 'asking', `still ${String(after?.kind)}`);

      // All answer the same from now on; whatever happened before, that is where it ends.
      scene.rostered(...sentinels);
      for (let round = 0; round < 3; round += 1) scene.answers(`${last}9`, `${last}9`, `${last}9`);
      scene.probed(last, 'master');
      assert.equal(scene.belief.fence, undefined);
      assert.equal(scene.now, `serving ${last} confirmed g${String(scene.belief.generation)}`);
    }),
    runs,
  );
  assert.ok(fenced > 20, String(fenced));
});

test('for any interleaving, a candidate is not served once the subscription to its announcer has ended', () => {
  fc.assert(
    fc.property(history, (happenings) => {
      const lost = new Set<string>();
      const scene = new Scene();
      for (const what of happenings) {
        if (what.kind === 'unsubscribed') lost.add(what.sentinel);
        if (what.kind === 'promoting' || what.kind === 'lead') lost.delete(what.sentinel);
        play(scene, what);
        const { fence } = scene.belief;
        assert.ok(fence?.kind !== 'provisional' || !lost.has(fence.by));
      }
    }),
    runs,
  );
});

/** A server that was master, or may have become it, is believed again only after something new has been heard of it. */
test('for any interleaving, a deposed master is not provisional before it was a replica', () => {
  let refused = 0;
  let provisional = 0;
  fc.assert(
    fc.property(history, (happenings) => {
      const stale = new Set<string>();
      const scene = new WatchedScene({}, ({ belief }, before) => {
        const [fence, fenceBefore] = [belief.fence, before.fence];
        const [candidate, candidateBefore] = [fence, fenceBefore].map((each) =>
          each && each.kind !== 'asking' ? letterOf(each.candidate) : undefined,
        );
        if (
          candidateBefore !== undefined &&
          belief.generation + belief.round > before.generation + before.round
        )
          if (fence?.kind === 'asking' || candidate !== candidateBefore) stale.add(candidateBefore);
        const [master, masterBefore] = [belief, before].map(({ adopted }) =>
          adopted ? letterOf(adopted.endpoint) : undefined,
        );
        if (masterBefore !== undefined && master !== masterBefore) stale.add(masterBefore);
        if (master !== undefined && belief.adopted !== before.adopted) stale.delete(master);
        if (fence?.kind === 'provisional' && fenceBefore?.kind !== 'provisional') {
          provisional += 1;
          assert.ok(!stale.has(letterOf(fence.candidate)), 'a deposed master is served by ROLE alone');
        }
      });
      scene.answers('M0', 'M0', 'M0').answers('M0', 'M0', 'M0').probed('M', 'master');
      for (const what of happenings) {
        const { fence } = scene.belief;
        const asked = fence?.kind === 'fenced' ? letterOf(fence.candidate) : undefined;
        const isProbe = what.kind === 'verify' || (what.kind === 'probed' && what.late === 0);
        const isOfIt = what.kind === 'verify' || (what.kind === 'probed' && what.letter === asked);
        if (asked !== undefined && isProbe && isOfIt) {
          if (what.role === 'replica') stale.delete(asked);
          if (what.role === 'master' && stale.has(asked)) refused += 1;
        }
        play(scene, what);
      }
    }),
    runs,
  );
  assert.ok(refused > 20 && provisional > 50, `${String(refused)} ${String(provisional)}`);
});

test('the same events lead to the same belief, and a clock that goes back changes nothing', () => {
  fc.assert(
    fc.property(changes, history, (changed, happenings) => {
      const [one, other] = [new Scene(changed), new Scene(changed)];
      for (const what of happenings) {
        play(one, what);
        play(other, what);
      }
      assert.deepEqual(one.belief, other.belief);
      const before = one.belief;
      assert.equal(step(before, { kind: 'elapsed' }, one.nowMs - 1000).nowMs, before.nowMs);
    }),
    { numRuns: 300 },
  );
});
