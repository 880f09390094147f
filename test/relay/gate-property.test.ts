import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fc } from '../support/properties.ts';
import type { EndReason } from '../../src/relay/core/engine.ts';
import type { Places } from '../../src/relay/core/places.ts';
import { a, b, GateRig, spec as usual } from './fake-port.ts';

/** Tight, so that the limits are met often. */
const spec = { ...usual, holdMax: 1, maxConnections: 4, idleMs: 400, tellSessions: true };

/** What happens to a gate, from outside. `pick` chooses one of the sessions by its number, modulo how many there are. */
const step = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ kind: 'admit' as const }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('dialled' as const), pick: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('dialFailed' as const), pick: fc.nat() }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('ended' as const),
      pick: fc.nat(),
      reason: fc.constantFrom<EndReason>('downstream', 'upstream'),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('halfClosed' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('bytes' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('dropped' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('replicates' as const), pick: fc.nat() }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'reassured' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('steer' as const),
      to: fc.constantFrom('serve' as const, 'hold' as const, 'refuse' as const),
      isNew: fc.boolean(),
    }),
  },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.integer({ min: 0, max: 700 }) }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'pass' as const, ms: 61_000 }) },
);

it('keeps its promises over any sequence of what can happen', () => {
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const rig = new GateRig(spec);
      let generation = 0;
      for (const it of steps) {
        const session = 'pick' in it ? rig.sessions[it.pick % Math.max(1, rig.sessions.length)] : undefined;
        switch (it.kind) {
          case 'admit':
            rig.admit();
            break;
          case 'dialled':
            if (session) {
              const wasDialling = session.phase.kind === 'dialling';
              assert.equal(rig.gate.dialled(session), wasDialling);
            }
            break;
          case 'dialFailed':
            if (session) rig.gate.dialFailed(session, 'ECONNREFUSED');
            break;
          case 'ended':
            if (session) rig.gate.ended(session, it.reason);
            break;
          case 'halfClosed':
            if (session) rig.gate.halfClosed(session, 'downstream');
            break;
          case 'dropped':
            if (session) rig.gate.dropped(session);
            break;
          case 'replicates':
            if (session) rig.gate.replicates(session);
            break;
          case 'reassured':
            rig.gate.reassured(rig.told('dropped').map(({ session: id }) => id));
            break;
          case 'bytes':
            if (session?.phase.kind === 'relaying') session.upstreamBytes += 10;
            break;
          case 'steer':
            if (it.isNew) generation += 1;
            if (it.to === 'serve') rig.serve(generation, generation % 2 ? a : b);
            else if (it.to === 'hold') rig.hold(generation);
            else rig.refuse(generation);
            break;
          case 'pass':
            rig.pass(it.ms);
            break;
        }
        assertPromises(rig, generation);
      }
      rig.pass(spec.holdMs);
      assert.ok(
        rig.sessions.every(({ phase }) => phase.kind === 'relaying' || phase.kind === 'ended'),
        'after the hold deadline nothing is pending',
      );
      rig.gate.cutAll();
      assertPromises(rig, generation);
      assert.equal(rig.gate.size, 0);
      assert.equal(rig.gate.nextDeadline(), undefined);
      assert.equal(
        sum(rig.told('refused').map(({ count }) => count)),
        rig.refused.length,
        'every refusal is told',
      );
      assert.equal(
        sum(rig.told('dial-failed').map(({ count }) => count)),
        rig.gate.counters().dialFailures,
        'every failed dial is told',
      );
    }),
    { numRuns: 400 },
  );
});

function taken({ memory }: Places): number | undefined {
  return new Int32Array(memory)[0];
}

function assertPromises(rig: GateRig, generation: number): void {
  const counters = rig.gate.counters();
  let open = 0;
  let held = 0;
  for (const { phase, admittedMs, id } of rig.sessions) {
    switch (phase.kind) {
      case 'relaying':
        assert.equal(phase.generation, generation, 'relays only under the generation of the route');
        assert.deepEqual(phase.endpoint, generation % 2 ? a : b);
        open += 1;
        break;
      case 'dialling':
        assert.equal(phase.generation, generation, 'dials only under the generation of the route');
        assert.ok(phase.untilMs >= rig.nowMs, 'no dial outlives its deadline');
        open += 1;
        break;
      case 'waiting':
      case 'retrying':
        held += 1;
        break;
      case 'ended':
        break;
    }
    if (phase.kind !== 'relaying' && phase.kind !== 'ended')
      assert.ok(admittedMs + spec.holdMs >= rig.nowMs, `session ${id} is pending past its deadline`);
  }
  assert.equal(counters.open, open);
  assert.equal(counters.held, held);
  assert.ok(held <= spec.holdMax, `${held} wait`);
  assert.ok(open + held <= spec.maxConnections, `${open + held} sessions`);
  assert.equal(taken(rig.places.sessions), open + held, 'a place for each session');
  assert.equal(taken(rig.places.whole), open + held);
  assert.equal(taken(rig.places.waiting), held, 'a place for each that waits');
  assert.equal(counters.ended.idle, rig.finished.length);
  assert.equal(counters.admitted, rig.sessions.length);
  assert.equal(sum(Object.values(counters.ended)) + open + held, counters.admitted, 'counters add up');
  const endings = rig.told('session-ended').map(({ session }) => session);
  assert.equal(new Set(endings).size, endings.length, 'no session ends twice');
  assert.equal(endings.length, sum(Object.values(counters.ended)));
  assert.equal(new Set(rig.refused.map(({ session }) => session)).size, rig.refused.length);
  assert.equal(rig.refused.length, counters.ended.refused);
  assert.equal(counters.upstreamBytes, sum(rig.sessions.map(({ upstreamBytes }) => upstreamBytes)));
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
