import assert from 'node:assert/strict';
import { it } from 'node:test';
import { endReasons } from '../../../src/relay/core/engine.ts';
import { fc } from '../../support/properties.ts';
import type { FakeConnection } from '../fake-connection.ts';
import { a, b, RuntimeRig, spec as usual, taken, type RigClient } from './runtime-rig.ts';

/** Tight, so that the limits are met often. */
const spec = { ...usual, holdMax: 1, maxConnections: 4, idleMs: 400 };

/** What either side of a client can do, as far as it is connected. */
const peers = {
  asks: (side: FakeConnection) => {
    side.receive('GET a\r\n');
  },
  replicates: (side: FakeConnection) => {
    side.receive('PSYNC ? -1\r\n');
  },
  saysThatItLoads: (side: FakeConnection) => {
    side.receive('-LOADING Redis is loading the dataset in memory\r\n');
  },
  quits: (side: FakeConnection) => {
    side.receive('QUIT\r\n');
  },
  ends: (side: FakeConnection) => {
    side.endPeer();
  },
  endsUnnoticed: (side: FakeConnection) => {
    side.endPeerUnnoticed();
  },
  breaksOff: (side: FakeConnection) => {
    side.breakOff();
  },
  takesNothingMore: (side: FakeConnection) => {
    side.failWrites();
  },
  isSlow: (side: FakeConnection) => {
    side.block();
  },
  hasTakenAll: (side: FakeConnection) => {
    side.flush();
  },
};
type Act = keyof typeof peers;
const acts = Object.keys(peers) as Act[];
const notWhileWaiting: readonly Act[] = ['takesNothingMore'];
const notWhileAttached: readonly Act[] = ['endsUnnoticed'];

/** What happens to a runtime, from outside. `pick` chooses one of its clients, or of the dials under way. */
const step = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({ kind: fc.constant('accept' as const), answersAtOnce: fc.boolean() }),
  },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('connect' as const), pick: fc.nat() }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('fail' as const), pick: fc.nat() }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('answer' as const), pick: fc.nat() }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('act' as const),
      side: fc.constantFrom('client' as const, 'server' as const),
      act: fc.constantFrom(...acts),
      pick: fc.nat(),
    }),
  },
  { weight: 1, arbitrary: fc.constant({ kind: 'trust' as const }) },
  {
    weight: 3,
    arbitrary: fc.record({
      kind: fc.constant('steer' as const),
      to: fc.constantFrom('serve' as const, 'hold' as const, 'refuse' as const),
      isNew: fc.boolean(),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('command' as const),
      command: fc.constantFrom(
        { kind: 'freeze', withinMs: 100 } as const,
        { kind: 'thaw' } as const,
        { kind: 'evict' } as const,
      ),
    }),
  },
  { weight: 1, arbitrary: fc.constantFrom({ kind: 'suspend' as const }, { kind: 'resume' as const }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('limits' as const), holdMax: fc.nat(3) }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('pass' as const), ms: fc.nat(700) }) },
  { weight: 1, arbitrary: fc.constant({ kind: 'pass' as const, ms: 61_000 }) },
);
type Step = typeof step extends fc.Arbitrary<infer T> ? T : never;

/** A rig, and what was asked of it so far. */
class Run {
  readonly rig = new RuntimeRig(spec);
  generation = 0;
  holdMax = spec.holdMax;
  /** More may wait than may, from here on: they are not refused for what is only suspected, or for a lower limit. */
  mayOverfill = false;

  do(each: Step): void {
    const { rig } = this;
    const client = 'pick' in each ? pick(rig.clients, each.pick) : undefined;
    switch (each.kind) {
      case 'accept':
        rig.accept(false, each.answersAtOnce);
        break;
      case 'connect':
        pick(rig.pendingDials, each.pick)?.connect();
        break;
      case 'fail':
        pick(rig.pendingDials, each.pick)?.fail();
        break;
      case 'answer':
        client?.connection.answerCheck();
        break;
      case 'act':
        if (client) act(rig, client, each.side, each.act);
        break;
      case 'trust':
        rig.runtime.apply({ kind: 'trust', clients: rig.reported('dropped').map(({ client: id }) => id) });
        break;
      case 'steer':
        if (each.isNew) this.generation += 1;
        if (each.to === 'serve') rig.serve(this.generation, this.generation % 2 ? a : b);
        else if (each.to === 'hold') rig.hold(this.generation);
        else rig.refuse(this.generation);
        break;
      case 'command':
        rig.runtime.apply(each.command);
        break;
      case 'suspend':
        this.mayOverfill = true;
        rig.runtime.suspend();
        break;
      case 'resume':
        rig.runtime.resume();
        break;
      case 'limits':
        this.mayOverfill ||= each.holdMax < this.holdMax;
        this.holdMax = each.holdMax;
        rig.limit({ ...spec, holdMax: each.holdMax });
        break;
      case 'pass':
        rig.pass(each.ms);
        break;
      default:
        each satisfies never;
    }
  }
}

function act(rig: RuntimeRig, client: RigClient, side: 'client' | 'server', what: Act): void {
  const isAttached = client.phase === 'attached';
  if (side === 'server') {
    if (isAttached && !notWhileAttached.includes(what)) peers[what](rig.upstreamOf(client));
    return;
  }
  const refused = isAttached ? notWhileAttached : notWhileWaiting;
  if (client.phase !== 'ended' && !refused.includes(what)) peers[what](client.connection);
}

function pick<T>(all: readonly T[], number: number): T | undefined {
  return all[number % Math.max(1, all.length)];
}

it('TunnelRuntime keeps its promises over any sequence of what can happen', () => {
  const ended = new Set<string>();
  fc.assert(
    fc.property(fc.array(step, { maxLength: 80, size: 'max' }), (steps) => {
      const run = new Run();
      const { rig } = run;
      for (const each of steps) {
        run.do(each);
        assertPromises(run);
      }
      rig.pass(spec.holdMs);
      assert.ok(
        rig.clients.every(({ phase }) => phase === 'attached' || phase === 'ended'),
        'nobody waits behind the hold deadline',
      );
      run.do({ kind: 'steer', to: 'serve', isNew: false });
      rig.attached(); // all others have been idle too long
      rig.runtime.apply({ kind: 'drain' });
      assertPromises(run);
      rig.runtime.apply({ kind: 'close' });
      assertPromises(run);
      assertAllOver(rig);
      for (const [reason, count] of Object.entries(rig.counters().ended)) if (count > 0) ended.add(reason);
    }),
    { numRuns: 400 },
  );
  assert.deepEqual([...ended].toSorted(), endReasons.toSorted(), 'every reason for an end was met');
});

function assertAllOver(rig: RuntimeRig): void {
  assert.ok(rig.clients.every(({ phase, connection }) => phase === 'ended' && !connection.isOpen));
  assert.equal(rig.pendingDials.length, 0);
  assert.equal(rig.runtime.nextDeadline(), Infinity);
  assert.equal(rig.reported('drained').length, 1);
  const { ended, dialFailures } = rig.counters();
  assert.equal(
    sum(rig.reported('refused').map(({ count }) => count)),
    ended.refused,
    'every refusal is reported',
  );
  assert.equal(
    sum(rig.reported('dial-failed').map(({ count }) => count)),
    dialFailures,
    'every failed dial is reported',
  );
  assert.equal(
    rig.reported('session-opened').length,
    sum(rig.durations.view().session.counts),
    'every client that was attached has its duration',
  );
}

function assertPromises({ rig, generation, holdMax, mayOverfill }: Run): void {
  let open = 0;
  let held = 0;
  const upstreams = new Set<FakeConnection>();
  for (const each of rig.clients) {
    const { client, phase, id, connection } = each;
    const { upstream } = client;
    if (phase === 'attached' || phase === 'dialling') {
      open += 1;
      assert.equal(upstream?.generation, generation, 'nothing leads to another generation');
      assert.deepEqual(upstream.endpoint, generation % 2 ? a : b);
      assert.equal(upstream.state, phase === 'attached' ? 'ready' : 'connecting');
      if (phase === 'attached') upstreams.add(rig.upstreamOf(each));
      else assert.ok(upstream.untilMs >= rig.nowMs, 'no dial outlives its deadline');
    } else assert.equal(upstream, undefined);
    if (phase === 'waiting' || phase === 'retrying') held += 1;
    if (phase !== 'ended') assert.ok(connection.isOpen, `the connection of client ${id} is open`);
    if (phase !== 'attached' && phase !== 'ended')
      assert.ok(client.waitingSinceMs + spec.holdMs >= rig.nowMs, `client ${id} waits past its deadline`);
  }
  assert.ok(rig.runtime.nextDeadline() >= rig.nowMs, 'nothing is overdue');

  for (const { connection } of rig.dials)
    if (connection)
      assert.ok(upstreams.has(connection) || !connection.isOpen, 'no upstream outlives its client');
  assert.equal(rig.pendingDials.length <= open, true, 'no dial outlives its client');

  const permits = [rig.permits.clients, rig.permits.total].map(taken);
  assert.deepEqual(permits, [open + held, open + held], 'a permit for each client');
  const waiting = rig.clients.filter(({ client }) => client.hasWaitingPermit);
  assert.equal(taken(rig.permits.waiting), waiting.length);
  assert.ok(waiting.every(({ phase }) => phase === 'waiting' || phase === 'retrying'));
  assert.ok(open + held <= spec.maxConnections, `${open + held} clients`);
  if (!mayOverfill) {
    assert.equal(waiting.length, held, 'a permit for each that waits');
    assert.ok(held <= holdMax, `${held} wait`);
  }

  const counters = rig.counters();
  assert.deepEqual([counters.open, counters.held], [open, held]);
  assert.equal(counters.admitted, rig.clients.length);
  const ends = sum(Object.values(counters.ended));
  assert.equal(ends + open + held, counters.admitted, 'counters add up');
  const ended = rig.reported('session-ended').map(({ session }) => session);
  assert.equal(new Set(ended).size, ended.length, 'nobody ends twice');
  assert.equal(ended.length, ends);
  const sent = rig.dials.map(({ connection }) => connection?.written.length ?? 0);
  assert.equal(counters.upstreamBytes, sum(sent), 'what is counted was sent');
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}
