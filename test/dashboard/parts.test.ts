import assert from 'node:assert/strict';
import { test } from 'node:test';
import { fc } from '../support/properties.ts';
import { clockText, msText, rateText, shortened } from '../../src/admin/dashboard/format.ts';
import { flagsOf, isCrossed, type Flag } from '../../src/admin/dashboard/flags.ts';
import { Series, summary, topOf } from '../../src/admin/dashboard/series.ts';
import { StreamReader } from '../../src/admin/dashboard/stream.ts';
import { ticksIn, timelineOf } from '../../src/admin/dashboard/timeline.ts';
import type { FailoverRecord } from '../../src/tunnel/failover-record.ts';

test('numbers and times are written for people', () => {
  assert.deepEqual([0, 999, 999.6, 1250, 99_940, 99_960, 1_000_000, undefined].map(rateText), [
    '0 B/s',
    '999 B/s',
    '1.00 kB/s',
    '1.25 kB/s',
    '99.9 kB/s',
    '100 kB/s',
    '1.00 MB/s',
    '–',
  ]);
  assert.deepEqual([0.1, 91.4, -87.7, 1055.9, 5].map(msText), [
    '0.1 ms',
    '91.4 ms',
    '−87.7 ms',
    '1056 ms',
    '5 ms',
  ]);
  assert.equal(shortened('redis-0.redis.default.svc:6379', 20), 'redis-0…ult.svc:6379');
  assert.equal(shortened('127.0.0.1:6379', 20), '127.0.0.1:6379');
  assert.match(clockText(new Date().toISOString()), /^\d\d:\d\d:\d\d$/);
});

test('a series has a rate per second of the clock of the tunnel, and gaps where nothing is known', () => {
  const series = new Series();
  const read = (at: number, bytes: number, uptimeMs = at * 1000): boolean => {
    const counters = { upstreamBytes: bytes, downstreamBytes: 2 * bytes, open: 3, held: 0 };
    return series.read({ at, uptimeMs, counters });
  };
  assert.equal(read(100, 1000), true);
  assert.equal(read(100.1, 1100), false, 'too soon to tell a rate');
  assert.equal(read(102, 3000), true);
  assert.deepEqual(series.latest, { at: 102, upstream: 1000, downstream: 2000, open: 3, held: 0 });
  read(110, 4000);
  assert.equal(series.samples.at(-2)?.open, null, 'a gap');
  read(111, 10, 500);
  assert.equal(series.samples.at(-1)?.upstream, null, 'another run of the tunnel');
  read(112, 5, 1500);
  assert.equal(series.samples.at(-1)?.upstream, null, 'listeners that were reopened');
  for (let at = 113; at < 2000; at += 1) read(at, at, at * 1000);
  assert.ok(series.samples.length < 620, String(series.samples.length));
  assert.deepEqual(summary([null, 1, 3]), { now: 3, mean: 2, peak: 3 });
  assert.deepEqual(summary([null]), { now: undefined, mean: undefined, peak: undefined });
});

test('a stream of events is read however it is cut', () => {
  const text = 'retry: 1000\nevent: hello\ndata: {}\n\n: beat\n\nid: a.1\nevent: log\ndata: {"a":"b: c"}\n\n';
  for (const size of [1, 3, 7, text.length]) {
    const told: string[] = [];
    const reader = new StreamReader((kind, data) => told.push(`${kind} ${data}`));
    for (let at = 0; at < text.length; at += size) reader.take(text.slice(at, at + size));
    assert.deepEqual(told, ['hello {}', 'log {"a":"b: c"}'], String(size));
  }
  // JSON may hold the separators of Unicode, which end no line of a stream.
  const separated: string[] = [];
  new StreamReader((kind, data) => separated.push(`${kind} ${data}`)).take(
    'event: log\ndata: "a\u2028b"\n\n',
  );
  assert.deepEqual(separated, ['log "a\u2028b"']);
  const endless = new StreamReader(() => undefined);
  assert.throws(() => {
    for (let count = 0; count < 6; count += 1) endless.take('x'.repeat(1024 * 1024));
  }, /too long/);
});

test('a failover is drawn to scale, from what was said in it', () => {
  const story: FailoverRecord = {
    ...{ database: 'mymaster', at: '2026-01-31T12:00:00.000Z', trigger: 'a test', from: 'a:1', to: 'b:1' },
    ...{ generation: 2, cut: 1, held: 1 },
    ...{ fencedMs: 0.2, promotedMs: 91.3, servedMs: 91.4, confirmedMs: 983.8, firstByteMs: 93.6 },
    lines: [
      { ms: -8000, who: 's:1', what: 'answers a:1' },
      { ms: -87.7, who: 's:1', what: '+try-failover' },
      { ms: 0.2, who: 'tunnel', what: 'fenced' },
      { ms: 983.7, who: 's:2', what: 'answers b:1' },
    ],
  };
  assert.deepEqual(
    timelineOf(story, 'whole').flags.map(({ name }) => name),
    ['fenced', 'promoted', 'served', 'first byte', 'confirmed'],
  );
  const failover = timelineOf(story, 'failover');
  assert.ok(failover.fromMs < -87.7 && failover.fromMs > -1000 && failover.toMs > 983.8);
  assert.deepEqual(
    failover.lanes.map(({ who, lines }) => [who, lines.length]),
    [
      ['tunnel', 1],
      ['s:1', 1],
      ['s:2', 1],
    ],
  );
  assert.deepEqual(
    failover.spans.map(({ kind, fromMs, toMs }) => [kind, fromMs, toMs]),
    [
      ['nothing', 0, 91.4],
      ['provisional', 91.4, 983.8],
    ],
  );
  assert.ok(timelineOf(story, 'whole').fromMs < -8000);
  const first = timelineOf(story, 'window');
  assert.ok(first.toMs > 93.6 && first.toMs < 120, String(first.toMs));
  assert.deepEqual(ticksIn(-10, 100, 5), [0, 50, 100]);
  assert.deepEqual(
    ticksIn(0, 1.2, 6),
    [0, 0.2, 0.4, 0.6000000000000001, 0.8, 1, 1.2000000000000002].filter((ms) => ms <= 1.2),
  );
});

test('no line of a milestone runs through the word of another, and no word covers one', () => {
  const place = (times: readonly number[], width: number): readonly Flag[] => {
    const words = ['fenced', 'promoted', 'served', 'first byte', 'confirmed'];
    const steps = times.toSorted((a, b) => a - b).map((ms, index) => ({ ms, name: words[index] ?? '' }));
    const last = Math.max(1, ...times);
    return flagsOf(steps, (ms) => (ms / last) * (width - 10), width).flags;
  };
  const hindered = (flags: readonly Flag[]): readonly string[] =>
    flags.flatMap((flag) =>
      flags
        .filter((other) => other !== flag)
        .flatMap((other) => [
          ...(isCrossed(flag, other.x) && other.row <= flag.row
            ? [`${other.text} runs through ${flag.text}`]
            : []),
          ...(other.row === flag.row && other.from < flag.to && flag.from < other.to
            ? [`${other.text} covers ${flag.text}`]
            : []),
        ]),
    );
  // As it was seen: all but the first near the right edge, where "confirmed" has no room on its right.
  const seen = place([1792.6, 1917.3, 1917.5, 2004, 2679.5], 600);
  assert.deepEqual(hindered(seen), []);
  assert.ok(seen.every(({ from, to }) => from >= 0 && to <= 600));
  const times = fc.array(fc.double({ min: 0, max: 30_000, noNaN: true }), { minLength: 1, maxLength: 5 });
  fc.assert(
    fc.property(times, fc.integer({ min: 480, max: 2_000 }), (given, width) => {
      const flags = place(given, width);
      assert.equal(flags.length, given.length);
      assert.deepEqual(hindered(flags), []);
      for (const { from, to } of flags) assert.ok(from >= 0 && to <= width);
    }),
  );
});

test('the top of a scale is round, has a whole half, and leaves little of the plot empty', () => {
  assert.deepEqual(
    [0, 3, 4, 12, 100, 4_470].map((high) => topOf(high, 4)),
    [4, 4, 6, 16, 120, 6_000],
  );
  for (let high = 1; high < 100_000; high += 7) {
    const top = topOf(high, 4);
    assert.ok(top >= high && Number.isInteger(top / 2), String(high));
    assert.ok(top <= Math.max(4, high * 1.8), `${String(top)} for ${String(high)}`);
  }
});
