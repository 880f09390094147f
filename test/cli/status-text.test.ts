import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SaidStatus } from '../../src/admin/status.ts';
import { eventLine } from '../../src/cli/events.ts';
import { painter } from '../../src/cli/plain.ts';
import { saidText, stateOf, statusText } from '../../src/cli/status-text.ts';
import { frame } from '../../src/cli/top-frame.ts';
import { database, lookAt, now, sentinel } from './status-values.ts';

const at = new Date(now);
const closed = { address: '127.0.0.1:1', open: false, reason: 'EADDRINUSE' };
const hold = {
  since: '2026-01-31T12:00:05.000Z',
  until: '2026-01-31T12:10:05.000Z',
  reason: 'held by an operator',
  holdMs: 10_000,
};
const endpoint = { host: '10.0.0.1', port: 6379 };
const dead = database('mymaster', 0, {
  ...{ ready: false, phase: 'lost', master: null, standing: null, reason: 'lost: it is gone' },
  view: {
    ...{ name: 'mymaster', generation: 1, epoch: 1, dissenting: [], strangers: [], degraded: [] },
    sentinels: { known: 1, answering: 1, agreeing: 1 },
    phase: { kind: 'lost', reason: 'it is gone', named: endpoint },
  },
});

test('a database is in one state, for one reason', () => {
  const held = database('mymaster', 0, { ready: false, hold, reason: 'held since, until' });
  const table = [
    [database('mymaster'), 'SERVING', undefined],
    [held, 'HELD', /^held by an operator, until \d\d:\d\d:05, or "sentinel-tunnel release mymaster"$/],
    [dead, 'LOST', /^it is gone$/],
    // What an operator has said is the lesser trouble.
    [{ ...dead, hold }, 'LOST', /^it is gone$/],
    [
      { ...dead, listen: [closed], reason: 'not listening on 127.0.0.1:1: EADDRINUSE' },
      'NOT LISTENING',
      /^not listening on/,
    ],
  ] as const;
  for (const [given, word, reason] of table) {
    const state = stateOf(given, at);
    assert.equal(state.word, word);
    if (reason === undefined) assert.equal(state.reason, undefined);
    else assert.match(state.reason ?? '', reason);
    const text = statusText(lookAt([given]).status, 'here', painter(false));
    const words = ['SERVING', 'HELD', 'LOST', 'NOT LISTENING'].filter((each) => text.includes(each));
    assert.deepEqual(words, [word], text);
    assert.equal(text.match(/ because /g)?.length ?? 0, reason === undefined ? 0 : 1, text);
  }
  assert.equal(stateOf(held, at).since, hold.since);
});

test('a database of a tunnel that stops drains, with how many sessions and until when', () => {
  const { status } = lookAt([database('mymaster', 0, { ready: false, listen: [closed], reason: 'x' })]);
  const program = { ...status.program, state: 'draining', drainUntil: hold.until } as const;
  const text = statusText({ ...status, program, ready: false }, 'here', painter(false));
  assert.match(text, /^DRAINING: 15 sessions, until \d\d:\d\d:05, no new client is admitted$/m);
  assert.match(text, /^mymaster {2}DRAINING: 15 sessions, until \d\d:\d\d:05$/m);
  assert.doesNotMatch(text, /NOT LISTENING|NOT OPEN|not yet/);
});

test('a held database says that each client is refused after holdMs', () => {
  const text = statusText(lookAt([database('a', 0, { ready: false, hold })]).status, 'here', painter(false));
  assert.match(text, /HELD: new clients wait, each is refused after 10 s, open sessions stay on/);
});

const said: SaidStatus = {
  ...{ database: 'mymaster', kind: 'address', address: '10.0.0.1:6379', epoch: 3, flags: ['master'] },
  ...{ stranger: false, text: null, agrees: true, at: now, latencyMs: 1 },
};

test('what a Sentinel says is told in its words, and what is odd is marked', () => {
  const table = [
    [{}, 'confirmed', '10.0.0.1:6379, epoch 3', 'well'],
    [
      { agrees: null, flags: ['s_down', 'master', 'disconnected'] },
      null,
      '10.0.0.1:6379, epoch 3, s_down, disconnected',
      'odd',
    ],
    [{ agrees: null }, null, '10.0.0.1:6379, epoch 3', 'plain'],
    [{ agrees: false, epoch: null }, 'confirmed', 'DISAGREES: 10.0.0.1:6379', 'odd'],
    [{ agrees: false }, 'provisional', '10.0.0.1:6379, epoch 3: still the old master', 'plain'],
    [{ kind: 'unknown', address: null }, null, 'DOES NOT MONITOR: "mymaster"', 'odd'],
    [{ kind: 'error', address: null, text: 'NOAUTH' }, null, 'ERROR: NOAUTH', 'odd'],
    [{ kind: 'unreachable', address: null, text: 'silent\u001b' }, null, 'NO ANSWER: silent\\x1b', 'odd'],
  ] as const;
  for (const [changes, standing, text, tone] of table)
    assert.deepEqual(saidText({ ...said, ...changes }, standing), { text, tone });
});

test('top shows what the Sentinels say of a master that is dead, not that they agree', () => {
  const down = { ...said, agrees: null, flags: ['s_down', 'master'] };
  const silent = {
    ...said,
    kind: 'unreachable',
    address: null,
    text: 'no answer within 1000 ms',
    agrees: null,
  } as const;
  const sentinels = [
    sentinel('10.0.0.1:1', { said: [down] }),
    sentinel('10.0.0.2:1', { state: 'down', said: [silent] }),
  ];
  const size = { columns: 100, rows: 40, isLive: true };
  const text = frame(lookAt([dead], sentinels), size, painter(false)).join('\n');
  assert.doesNotMatch(text, /agrees/);
  assert.match(text, /^10\.0\.0\.1:1 up .* 10\.0\.0\.1:6379, epoch 3, s_down$/m);
  assert.match(text, /^10\.0\.0\.2:1 DOWN .* NO ANSWER: no answer within 1000 ms$/m);
  assert.match(text, /^NOT READY: mymaster$/m);
  assert.match(text, /^mymaster LOST /m);
  assert.match(text, /^ {2}there is no usable master, clients wait: it is gone$/m);
  const well = frame(
    lookAt([database('mymaster')], [sentinel('10.0.0.1:1', { said: [said] })]),
    size,
    painter(false),
  );
  assert.ok(well.some((line) => line.endsWith(' agrees')));
});

test('top and events tell the time of here, never that of the tunnel', () => {
  const before = process.env['TZ'];
  process.env['TZ'] = 'Asia/Tokyo';
  try {
    const held = database('mymaster', 0, { ready: false, hold, reason: `held until ${hold.until}` });
    const size = { columns: 120, rows: 40, isLive: true };
    const text = frame(lookAt([held]), size, painter(false)).join('\n');
    assert.match(text, /^Sentinel Tunnel .* 21:00:10$/m);
    assert.match(text, /held by an operator,\s+until\s+21:10:05/);
    assert.doesNotMatch(text, /12:1?0:\d\d|T\d\d:/);
    const lost = { id: 'a.1', time: hold.until, level: 'warn', event: 'master.lost', sentence: '' };
    const fields = { database: 'mymaster', reason: `since ${hold.since}` };
    assert.match(
      eventLine({ ...lost, fields }, false),
      /^2026-01-31 21:10:05\.000 WARN  mymaster: .* since 21:00:05\n$/,
    );
  } finally {
    if (before === undefined) delete process.env['TZ'];
    else process.env['TZ'] = before;
  }
});

test('events tells a failover in one line, and every other list line by line', () => {
  const story = 'moved from a:1 to b:1, generation 2, not served for 12 ms';
  const told = { id: 'a.1', time: now, level: 'info', sentence: '' };
  const fields = {
    database: 'mymaster',
    story,
    from: 'a:1',
    servedMs: 12,
    lines: ['0 ms tunnel fenced', '12 ms …'],
  };
  const line = eventLine({ ...told, event: 'failover.story', fields }, false);
  assert.match(
    line,
    /^\S+ \S+ INFO {2}mymaster: moved from a:1 to b:1, generation 2, not served for 12 ms\n$/,
  );
  const listed = { changes: 1, lines: ['one', 'two'] };
  assert.equal(eventLine({ ...told, event: 'config.reloaded', fields: listed }, false).split('\n').length, 4);
});
