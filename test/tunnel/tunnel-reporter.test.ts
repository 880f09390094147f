import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import type { TunnelCounters, TunnelEvent } from '../../src/relay/core/engine.ts';
import type { MasterView, Phase } from '../../src/sentinel/decision/view.ts';
import type { WatchEvent } from '../../src/sentinel/watch.ts';
import type { HistogramView } from '../../src/telemetry/histogram.ts';
import { TunnelReporter } from '../../src/tunnel/tunnel-reporter.ts';
import type { FailoverRecord } from '../../src/tunnel/failover-record.ts';
import { RecordedLog, stopClock, type Clock } from '../support/index.ts';
import { fenced, first, lost, second, serving, viewOf } from './fake-sentinels.ts';

const name = 'mymaster';
const holdMs = 5_000;

function agreeing(count: number): Partial<MasterView> {
  return { sentinels: { known: 3, answering: 3, agreeing: count } };
}

/** A reporter under a stopped clock; it receives events in the order in which a tunnel passes them. */
class Recorded {
  readonly log = new RecordedLog();
  readonly clock: Clock;
  readonly reporter: TunnelReporter;
  counters: TunnelCounters | undefined;
  #view: MasterView;

  constructor(t: TestContext) {
    this.clock = stopClock(t);
    const source = { holdMs: () => holdMs, counters: () => this.counters };
    this.reporter = new TunnelReporter(name, this.log, source);
    this.#view = viewOf(name, 0, { kind: 'unknown', reason: 'nobody was heard', isMissing: false });
    t.after(() => {
      this.reporter.close();
    });
  }

  /** It serves the first server under generation 1, as confirmed by all. */
  static serving(t: TestContext): Recorded {
    return new Recorded(t).turn(1, serving(first));
  }

  turn(generation: number, phase: Phase, more: Partial<MasterView> = {}): this {
    const before = this.#view;
    this.#view = viewOf(name, generation, phase, more);
    this.reporter.viewChanged(this.#view, before);
    this.reporter.watched({ kind: 'view', view: this.#view, before });
    return this;
  }

  hear(event: WatchEvent): this {
    this.reporter.watched(event);
    return this;
  }

  relay(event: TunnelEvent): this {
    this.reporter.relayed(event);
    return this;
  }

  pass(ms: number): this {
    this.clock.pass(ms);
    return this;
  }

  /** The only failover that is recorded so far, with its lines as text. */
  get only(): Omit<FailoverRecord, 'lines' | 'at'> & { readonly lines: readonly string[] } {
    const records = this.reporter.records();
    assert.equal(records.length, 1);
    const [record] = records;
    assert.ok(record);
    const { at, lines, ...rest } = record;
    assert.ok(Math.abs(Date.parse(at) - Date.now()) < 60_000);
    return { ...rest, lines: lines.map(({ ms, who, what }) => `${String(ms)} ${who} ${what}`) };
  }
}

function countOf({ counts }: HistogramView): number {
  return counts.reduce((sum, count) => sum + count, 0);
}

const leader = '10.0.1.1:26379';

function announced(channel: string): WatchEvent {
  const payload = `master ${name} 10.0.0.1 6379`;
  return { kind: 'announced', sentinel: leader, announcement: { kind: 'hint', name, channel, payload } };
}

/** The messages and actions of a failover that an operator started. */
function plannedFailover(t: TestContext): Recorded {
  return Recorded.serving(t)
    .hear(announced('+try-failover'))
    .pass(120)
    .turn(2, fenced(second))
    .relay({ kind: 'steered', generation: 2, cut: 20, held: 3, released: 0 })
    .pass(4)
    .hear({ kind: 'probed', endpoint: second, role: { kind: 'master' } })
    .turn(2, serving(second, 'provisional'))
    .relay({ kind: 'steered', generation: 2, cut: 0, held: 0, released: 23 })
    .pass(2)
    .relay({ kind: 'first-byte', generation: 2 })
    .pass(900)
    .turn(2, serving(second, 'confirmed'), agreeing(1));
}

test('the record of a planned failover has every message, every milestone, and how many were cut and waited', (t) => {
  const recorded = plannedFailover(t);
  assert.deepEqual(recorded.reporter.records(), [], 'two Sentinels do not agree yet');
  recorded.pass(30).turn(2, serving(second), agreeing(3));
  assert.deepEqual(recorded.only, {
    database: name,
    trigger: 'a failover has begun',
    from: '10.0.0.1:6379',
    to: '10.0.0.2:6379',
    generation: 2,
    cut: 20,
    held: 23,
    fencedMs: 0,
    promotedMs: 4,
    servedMs: 4,
    firstByteMs: 6,
    confirmedMs: 906,
    lines: [
      `-120 ${leader} +try-failover`,
      '0 tunnel fenced: a failover has begun',
      '0 tunnel cut sessions: 20',
      '4 10.0.0.2:6379 says it is a master',
      '4 tunnel 10.0.0.2:6379 has been promoted',
      '4 tunnel serving 10.0.0.2:6379',
      '4 tunnel released held connections: 23',
      '6 tunnel first byte to a client',
      '906 tunnel 10.0.0.2:6379 confirmed',
    ],
  });
  const [logged] = recorded.log.fieldsOf('failover.story');
  assert.ok(logged);
  assert.equal(logged['from'], '10.0.0.1:6379');
  assert.match(String(logged['story']), /^moved from 10\.0\.0\.1:6379 to 10\.0\.0\.2:6379, generation 2, /);
  const { moves, failovers, window, fence } = recorded.reporter.counts();
  assert.deepEqual([moves, failovers, countOf(window), countOf(fence)], [1, 1, 1, 1]);
});

test('a failover after a crash is recorded without a fence, from the loss of the master on', (t) => {
  const recorded = Recorded.serving(t)
    .relay({ kind: 'dropped', generation: 1, endpoint: first, client: 1 })
    .pass(5)
    .turn(1, lost(first))
    .pass(6_000)
    .turn(2, serving(second))
    .relay({ kind: 'steered', generation: 2, cut: 2, held: 0, released: 9 })
    .relay({ kind: 'first-byte', generation: 2 });
  assert.deepEqual(recorded.only, {
    database: name,
    trigger: 'connection refused',
    from: '10.0.0.1:6379',
    to: '10.0.0.2:6379',
    generation: 2,
    cut: 2,
    held: 9,
    servedMs: 6_000,
    firstByteMs: 6_000,
    confirmedMs: 6_000,
    lines: [
      '-5 10.0.0.1:6379 ended a connection by itself',
      '0 tunnel lost: connection refused',
      '6000 tunnel serving 10.0.0.2:6379',
      '6000 tunnel 10.0.0.2:6379 confirmed',
      '6000 tunnel cut sessions: 2',
      '6000 tunnel released held connections: 9',
      '6000 tunnel first byte to a client',
    ],
  });
  const { moves, window, fence } = recorded.reporter.counts();
  assert.deepEqual([moves, countOf(window), countOf(fence)], [1, 1, 0]);
});

test('an aborted failover is recorded as one that led back, and counts as no move', (t) => {
  const recorded = Recorded.serving(t)
    .turn(2, fenced(second))
    .pass(40)
    .hear(announced('-failover-abort-slave-timeout'))
    .turn(2, serving(first))
    .relay({ kind: 'first-byte', generation: 2 });
  const { from, to, servedMs, promotedMs } = recorded.only;
  assert.deepEqual([from, to, servedMs, promotedMs], ['10.0.0.1:6379', '10.0.0.1:6379', 40, undefined]);
  assert.match(
    String(recorded.log.fieldsOf('failover.story')[0]?.['story']),
    /^back on 10\.0\.0\.1:6379, generation 2, not served for 40 ms/,
  );
  const { moves, failovers } = recorded.reporter.counts();
  assert.deepEqual([moves, failovers], [0, 1]);
});

test('a failover without clients is recorded 3 s after its confirmation', (t) => {
  const recorded = Recorded.serving(t).turn(2, fenced(second)).turn(2, serving(second));
  recorded.pass(2_999);
  assert.deepEqual(recorded.reporter.records(), []);
  recorded.pass(1);
  assert.equal(recorded.only.firstByteMs, undefined);
});

test('a second failover before the end of the first shares its record', (t) => {
  const recorded = Recorded.serving(t)
    .turn(2, fenced(second))
    .turn(2, serving(second))
    .pass(1_000)
    .turn(3, fenced(first))
    .pass(2_500);
  assert.deepEqual(recorded.reporter.records(), [], 'the end of the first is not waited for any more');
  recorded.turn(3, serving(first)).relay({ kind: 'first-byte', generation: 3 });
  const { from, to, generation, servedMs } = recorded.only;
  assert.deepEqual([from, to, generation, servedMs], ['10.0.0.1:6379', '10.0.0.1:6379', 3, 3_500]);
});

test('a first byte of an older generation ends no record', (t) => {
  const recorded = Recorded.serving(t)
    .turn(2, fenced(second))
    .turn(2, serving(second))
    .relay({ kind: 'first-byte', generation: 1 });
  assert.deepEqual(recorded.reporter.records(), []);
});

test('only the candidate counts as promoted', (t) => {
  const recorded = Recorded.serving(t)
    .turn(2, fenced(second))
    .hear({ kind: 'probed', endpoint: first, role: { kind: 'master' } })
    .hear({ kind: 'probed', endpoint: second, role: { kind: 'replica' } })
    .turn(2, serving(first))
    .relay({ kind: 'first-byte', generation: 2 });
  assert.equal(recorded.only.promotedMs, undefined);
});

test('a stop records a failover whose new master is served, and drops any other', (t) => {
  const served = Recorded.serving(t).turn(2, fenced(second)).turn(2, serving(second, 'provisional'));
  served.reporter.close();
  assert.equal(served.only.to, '10.0.0.2:6379');
  t.mock.reset();
  t.mock.timers.reset();
  const fencedStill = Recorded.serving(t).turn(2, fenced(second));
  fencedStill.reporter.close();
  assert.deepEqual(fencedStill.reporter.records(), []);
});

test('nothing is logged or recorded after the end', (t) => {
  const recorded = Recorded.serving(t).turn(2, fenced(second));
  recorded.reporter.close();
  const logged = recorded.log.events.length;
  recorded
    .turn(2, serving(second))
    .relay({ kind: 'first-byte', generation: 2 })
    .hear(announced('+switch-master'))
    .pass(60_000);
  assert.equal(recorded.log.events.length, logged);
  assert.deepEqual(recorded.reporter.records(), []);
});

test('the last hundred failovers are kept, and all are counted', (t) => {
  const recorded = Recorded.serving(t);
  for (let generation = 2; generation < 152; generation += 1) {
    const to = generation % 2 === 0 ? second : first;
    recorded.turn(generation, serving(to)).relay({ kind: 'first-byte', generation });
  }
  assert.equal(recorded.reporter.records().length, 100);
  assert.equal(recorded.reporter.records().at(-1)?.generation, 151);
  assert.equal(recorded.reporter.counts().failovers, 150);
});

test('each change of the view is logged once, at the level that fits its effect on clients', (t) => {
  const recorded = new Recorded(t);
  const reason = 'not one of 3 Sentinels knows it';
  recorded
    .turn(0, { kind: 'unknown', reason: 'the first address is being verified', isMissing: false })
    .turn(0, { kind: 'unknown', reason, isMissing: true, isNameUnknown: true })
    .turn(0, { kind: 'unknown', reason: 'nobody answers', isMissing: true })
    .turn(1, serving(first, 'provisional'))
    .turn(1, serving(first, 'confirmed'))
    .turn(1, serving(first, 'confirmed'), { degraded: ['a Sentinel is down'] })
    .turn(2, fenced(second))
    .turn(2, lost(second))
    .turn(3, { kind: 'forbidden', reason: 'only 1 of 3 Sentinels answer' });
  assert.deepEqual(
    recorded.log.events.map(({ level, event, fields }) => [level, event, fields['remedy'] ?? '']),
    [
      ['info', 'master.unknown', ''],
      ['warn', 'master.missing', '"sentinel-tunnel check" lists the names that they monitor'],
      ['warn', 'master.missing', '"sentinel-tunnel doctor" looks for the cause'],
      ['info', 'master.serving', ''],
      ['info', 'master.confirmed', ''],
      ['warn', 'master.fenced', ''],
      ['warn', 'master.lost', ''],
      ['warn', 'master.forbidden', ''],
    ],
  );
});

test('since() changes with each phase and each generation, and with nothing else', async (t) => {
  const recorded = Recorded.serving(t);
  const later = async (change: () => unknown): Promise<boolean> => {
    const before = recorded.reporter.since();
    const from = Date.now();
    while (Date.now() === from) await new Promise((resolve) => setImmediate(resolve));
    change();
    return recorded.reporter.since() !== before;
  };
  assert.equal(await later(() => recorded.turn(1, serving(first), { degraded: ['x'] })), false);
  assert.equal(await later(() => recorded.turn(1, lost(first))), true);
  assert.equal(await later(() => recorded.turn(1, serving(first))), true);
  assert.equal(await later(() => recorded.turn(2, serving(second))), true);
});

test('a disagreement of Sentinels is logged once it has lasted, and again when it is over', (t) => {
  const recorded = Recorded.serving(t);
  const degraded = { degraded: ['a Sentinel is down'] };
  recorded.turn(1, serving(first), degraded).pass(1_999).turn(1, serving(first)).pass(10_000);
  assert.deepEqual(recorded.log.fieldsOf('master.degraded'), [], 'a failover makes one that soon passes');
  recorded.turn(1, serving(first), degraded).pass(2_000);
  assert.equal(recorded.log.fieldsOf('master.degraded')[0]?.['reasons'], 'a Sentinel is down');
  recorded.turn(1, serving(first)).pass(2_000);
  assert.equal(recorded.log.fieldsOf('master.sound').length, 1);
});

test('an outage is logged as an error once the first client is refused, and again when it is over', (t) => {
  const recorded = Recorded.serving(t);
  const counters = (refused: number, held: number): TunnelCounters => ({
    ...{ open: 0, held, admitted: 0, dialFailures: 0, acceptErrors: 0, upstreamBytes: 0, downstreamBytes: 0 },
    ended: { downstream: 0, upstream: 0, evicted: 0, refused, idle: 0, drained: 0 },
  });
  recorded.counters = counters(2, 0);
  recorded.turn(1, lost(first)).pass(holdMs - 1);
  assert.deepEqual(recorded.log.fieldsOf('database.outage'), []);
  recorded.counters = counters(2, 8);
  recorded.pass(1);
  const [outage] = recorded.log.fieldsOf('database.outage');
  assert.deepEqual([outage?.['lastedMs'], outage?.['refused'], outage?.['held']], [holdMs, 0, 8]);
  recorded.counters = counters(7, 1);
  recorded.pass(2_000).turn(2, serving(second));
  const [over] = recorded.log.fieldsOf('database.outage-over');
  assert.deepEqual([over?.['lastedMs'], over?.['refused'], over?.['held']], [holdMs + 2_000, 5, 8]);
});

test('a Sentinel of another deployment and a refused password are each logged once', (t) => {
  const recorded = Recorded.serving(t);
  const strangers = [{ sentinel: leader, id: 'an-id', names: second }];
  recorded.turn(1, serving(first), { strangers }).turn(1, serving(first), { strangers });
  assert.deepEqual(recorded.log.fieldsOf('sentinel.stranger'), [
    { database: name, sentinel: leader, id: 'an-id', names: '10.0.0.2:6379' },
  ]);
  recorded
    .hear({ kind: 'logged-in', endpoint: first, login: { kind: 'done' } })
    .hear({ kind: 'logged-in', endpoint: first, login: { kind: 'needless' } })
    .hear({ kind: 'logged-in', endpoint: first, login: { kind: 'refused', why: 'WRONGPASS' } });
  assert.deepEqual(recorded.log.names.slice(-2), ['password.needless', 'redis.denied']);
});
