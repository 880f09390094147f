import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  milestonesOf,
  outcomeText,
  recordSentence,
  roundMs,
  type FailoverRecord,
} from '../../src/tunnel/failover-record.ts';
import { FailoverRecorder } from '../../src/tunnel/failover-recorder.ts';

class Failover {
  nowMs = 50_000;
  readonly recorder = new FailoverRecorder('mymaster', () => this.nowMs);

  at(ms: number, act: (recorder: FailoverRecorder) => void): this {
    this.nowMs = 50_000 + ms;
    act(this.recorder);
    return this;
  }
}

function failover(): Failover {
  return new Failover()
    .at(-20_000, (recorder) => {
      recorder.add('s1', 'long ago');
    })
    .at(-240, (recorder) => {
      recorder.add('s1', '+try-failover');
    })
    .at(0, (recorder) => {
      recorder.begin('M:1', 'a failover to X:2 has begun');
      recorder.reached('fencedMs', 'fenced');
      recorder.steered(20, 3, 0);
    })
    .at(4.26, (recorder) => {
      recorder.reached('promotedMs', 'X:2 has been promoted');
    })
    .at(4.4, (recorder) => {
      recorder.setMaster('X:2', 2);
      recorder.reached('servedMs', 'serving X:2');
      recorder.steered(0, 0, 23);
    })
    .at(6, (recorder) => {
      recorder.reached('firstByteMs', 'first byte');
    })
    .at(900, (recorder) => {
      recorder.reached('confirmedMs', 'confirmed');
    })
    .at(950, (recorder) => {
      recorder.reached('confirmedMs', 'confirmed again');
    });
}

test('a record has the milestones, the lines before the failover, and how many were cut and held', () => {
  const record = failover().recorder.end();
  assert.ok(record);
  assert.deepEqual(
    { ...record, at: '', lines: record.lines.map(({ ms, who, what }) => `${String(ms)} ${who} ${what}`) },
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
  assert.ok(Object.isFrozen(record));
  assert.equal(
    recordSentence(record),
    'moved from M:1 to X:2, generation 2, not served for 4.4 ms (fenced at 0 ms, promoted at 4.3 ms, served at 4.4 ms, ' +
      'first byte at 6 ms, confirmed at 900 ms), sessions cut: 20, clients held: 23, because a failover to X:2 has begun',
  );
});

test('a record ends once, and without an open record nothing is recorded', () => {
  const { recorder } = failover();
  assert.ok(recorder.end());
  assert.equal(recorder.end(), undefined);
  recorder.steered(1, 1, 1);
  recorder.reached('servedMs', 'x');
  recorder.setMaster('x', 1);
  assert.equal(recorder.milestones, undefined);
});

test('a second failover before the end of the first extends its record, with new milestones', () => {
  const record = failover()
    .at(1000, (recorder) => {
      recorder.begin('X:2', 'X:2 was not confirmed');
      recorder.steered(5, 0, 0);
    })
    .at(1100, (recorder) => {
      recorder.setMaster('M:1', 3);
      recorder.reached('servedMs', 'serving M:1');
    })
    .recorder.end();
  assert.deepEqual(
    [record?.from, record?.to, record?.servedMs, record?.cut, record?.confirmedMs],
    ['M:1', 'M:1', 1100, 25, undefined],
  );
  assert.match(record ? recordSentence(record) : '', /^back on M:1, generation 3, not served for 1100 ms/);
});

test('a record keeps a bounded number of lines', () => {
  const failover = new Failover();
  for (let count = 0; count < 1000; count += 1) failover.recorder.add('s1', String(count));
  failover.recorder.begin('M:1', 'x');
  for (let count = 0; count < 1000; count += 1) failover.recorder.add('s1', String(count));
  const lines = failover.recorder.end()?.lines.length ?? 0;
  assert.ok(lines > 30 && lines <= 230, String(lines));
});

test('milestones are listed in the order in which they were reached', () => {
  assert.deepEqual(
    milestonesOf({ fencedMs: 0, servedMs: 5, promotedMs: 4, firstByteMs: 900, confirmedMs: 800 }),
    [
      { name: 'fenced', ms: 0 },
      { name: 'promoted', ms: 4 },
      { name: 'served', ms: 5 },
      { name: 'confirmed', ms: 800 },
      { name: 'first byte', ms: 900 },
    ],
  );
  assert.deepEqual(milestonesOf({}), []);
  const fromElsewhere = { fencedMs: null, servedMs: 5 } as unknown as FailoverRecord;
  assert.deepEqual(milestonesOf(fromElsewhere), [{ name: 'served', ms: 5 }]);
  assert.deepEqual([0, 4.25, 99.94, 100.2, 1835.7].map(roundMs), ['0', '4.3', '99.9', '100', '1836']);
  assert.equal(outcomeText({ from: 'a:1', to: 'a:1' }), 'back on a:1');
});

test('a record shortens long texts', () => {
  const recorder = new FailoverRecorder('m', () => 0);
  const words = 'w'.repeat(1_000_000);
  recorder.add('s'.repeat(10_000), words);
  recorder.begin('10.0.0.1:6379', 't'.repeat(1_000_000));
  for (let count = 0; count < 1_000; count += 1) recorder.add('s', words);
  const record = recorder.end();
  assert.ok(JSON.stringify(record).length < 100_000);
});
