import assert from 'node:assert/strict';
import { it } from 'node:test';
import { fc } from '../../support/properties.ts';
import { FlowRig, happenings, type Happening } from './flow-rig.ts';

const text = fc.string({ minLength: 1, maxLength: 12 }).map((each) => Buffer.from(each).toString('latin1'));
const final: readonly Happening[] = [
  'the client breaks off',
  'the server breaks off',
  'the client takes nothing more',
  'the server takes nothing more',
];
const step = fc.oneof(
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('ask' as const), text, isLate: fc.boolean() }) },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('reply' as const), text, isLate: fc.boolean() }) },
  {
    weight: 8,
    arbitrary: fc.record({
      kind: fc.constant('happen' as const),
      what: fc.constantFrom(
        ...(Object.keys(happenings) as Happening[]).filter((each) => !final.includes(each)),
      ),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('happen' as const), what: fc.constantFrom(...final) }),
  },
);

it('BytesFlow keeps bytes in order and exact over any sequence of what can happen', () => {
  const seen = { finished: 0, orderly: 0 };
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60, size: 'max' }), (steps) => {
      const rig = new FlowRig();
      let isOrderly = true;
      let isServerGone = false;
      for (const each of steps) {
        if (each.kind === 'happen') {
          isOrderly &&= !final.includes(each.what);
          isServerGone ||= each.what === 'the server takes nothing more';
          rig.happen(each.what);
        } else send(rig, each);
        assertPromises(rig);
      }
      rig.happen('a thaw', 'the client has taken all', 'the server has taken all');
      assertPromises(rig);
      const isFinished = rig.reports.at(-1)?.startsWith('finished') === true;
      assert.equal(isFinished, !rig.client.isOpen, 'both are closed, or neither is');
      if (isFinished) seen.finished += 1;
      if (isServerGone && !rig.upstream.canReceive)
        assert.ok(isFinished, 'nothing more can come, and nothing more can be sent');
      if (!isOrderly) return;
      assert.equal(rig.upstream.written, rig.asked, 'everything that was asked was sent');
      assert.equal(rig.client.written, rig.replied, 'everything that was replied was sent');
      assert.equal(isFinished, !rig.client.canReceive && !rig.upstream.canReceive);
      assert.ok(rig.client.wasFlushed && rig.upstream.wasFlushed, 'nothing was closed away');
      if (isFinished) seen.orderly += 1;
    }),
    { numRuns: 1_000 },
  );
  assert.ok(seen.finished > 100 && seen.orderly > 50, JSON.stringify(seen));
});

function send(
  rig: FlowRig,
  { kind, text: bytes, isLate }: { kind: 'ask' | 'reply'; text: string; isLate: boolean },
): void {
  const connection = kind === 'ask' ? rig.client : rig.upstream;
  if (!isLate || !connection.canReceive) {
    rig[kind](bytes);
    return;
  }
  if (kind === 'ask') rig.asked += bytes;
  else rig.replied += bytes;
  connection.receiveThoughPaused(bytes);
}

function assertPromises({ reports, asked, replied, client, upstream, flow, counted }: FlowRig): void {
  assert.ok(asked.startsWith(upstream.written), 'the server has what the client sent, in order');
  assert.ok(replied.startsWith(client.written), 'the client has what the server sent, in order');
  assert.deepEqual(
    [flow.upstreamBytes, flow.downstreamBytes],
    [upstream.written.length, client.written.length],
  );
  assert.deepEqual(counted, { upstream: flow.upstreamBytes, downstream: flow.downstreamBytes });
  const ends = reports.filter((report) => report.startsWith('finished'));
  assert.ok(ends.length <= 1, 'it ends once');
  if (ends.length === 1) {
    assert.equal(reports.at(-1), ends[0], 'nothing is reported after the end');
    assert.ok(!client.isOpen && !upstream.isOpen);
  }
  for (const once of ['first reply', 'server dropped'])
    assert.ok(reports.filter((report) => report === once).length <= 1, once);
  const dropped = reports.indexOf('server dropped');
  const closing = reports.findIndex((report) => /half-closed|finished/.test(report));
  assert.ok(
    dropped < 0 || closing < 0 || dropped < closing,
    'a drop is reported before what follows from it',
  );
}
