import assert from 'node:assert/strict';
import { test } from 'node:test';
import { painter } from '../../src/cli/plain.ts';
import { frame, timeBar, type Look } from '../../src/cli/top-frame.ts';
import { database, lookAt, now, sentinel } from './status-values.ts';

const plainly = painter(false);

test('frame() shows rates per second, and none where there is nothing to compare with', () => {
  const size = { columns: 80, rows: 24, isLive: true };
  const row = (look: Look): string =>
    frame(look, size, plainly).find((line) => line.startsWith('mymaster')) ?? '';
  const cells = (look: Look): readonly string[] => row(look).split(/ {2,}| (?=\d)/);
  const present = [database('mymaster', 2_001_000)];
  assert.deepEqual(cells(lookAt(present, [], [database('mymaster', 1_000)])), [
    'mymaster serving',
    ...['10.0.0.1:6379', '12', '3', '10,000', '1.00 MB', '10.0 MB'],
  ]);
  assert.match(row(lookAt(present)), /12 +3 +- +- +-$/);
  // Its listeners were reopened: the counters begin again.
  assert.match(row(lookAt(present, [], [database('mymaster', 9_000_000)])), /12 +3 +- +- +-$/);
  assert.match(
    row(lookAt([database('mymaster', 0, { counters: null })])),
    /serving +10\.0\.0\.1:6379( +-){5}$/,
  );
});

test('frame() has never more lines or columns than there are, and keeps a place for what is not well', () => {
  const databases = Array.from({ length: 60 }, (_, index) =>
    database(`a-database-with-a-long-name-${index}`, index),
  );
  const sentinels = Array.from({ length: 9 }, (_, index) => sentinel(`10.0.0.${index}:26379`));
  for (const columns of [10, 40, 80, 200]) {
    for (const rows of [5, 10, 24, 60]) {
      const lines = frame(lookAt(databases, sentinels), { columns, rows, isLive: true }, plainly);
      assert.equal(lines.length, rows, `${columns}x${rows}`);
      assert.ok(
        lines.every((line) => line.length <= columns),
        `${columns}x${rows}`,
      );
      assert.equal(lines.at(-1)?.slice(0, 6), 'q quit');
    }
  }
  const many = frame(lookAt(databases, sentinels), { columns: 80, rows: 24, isLive: true }, plainly).join(
    '\n',
  );
  assert.match(many, /… \d+ more lines/);
  assert.match(many, /^SENTINEL/m);
  assert.match(many, /^EVENTS/m);
});

test('frame() says in words what is not well', () => {
  const said = {
    ...{
      database: 'mymaster',
      address: '10.0.0.9:1',
      epoch: 1,
      flags: [],
      stranger: false,
      text: null,
      at: now,
      latencyMs: 1,
    },
    ...({ kind: 'address', agrees: false } as const),
  };
  const look = lookAt(
    [
      database('mymaster', 0, {
        ready: false,
        phase: 'fenced',
        master: null,
        reason: 'fenced: a failover has begun',
      }),
      database('held', 0, {
        ready: false,
        reason: 'held by an operator',
        hold: { since: now, until: now, reason: 'b', holdMs: 10_000 },
      }),
      database('poor', 0, { degraded: ['only 1 of 3 Sentinels answers'] }),
    ],
    [
      sentinel('10.0.0.1:1', { said: [said] }),
      sentinel('10.0.0.2:1', { state: 'down', subscription: 'none' }),
    ],
    undefined,
    { trouble: 'No tunnel answers', agoMs: 65_000 },
  );
  const text = frame(look, { columns: 80, rows: 40, isLive: true }, plainly).join('\n');
  assert.match(text, /^OUT OF TOUCH for 1 min 5 s, this is old: No tunnel answers$/m);
  assert.match(text, /^mymaster FENCED +- /m);
  assert.match(
    text,
    /^ {2}the master is changing, connections were cut, clients wait: fenced: a failover\n {2}has begun$/m,
  );
  assert.match(text, /^held {5}HELD/m);
  assert.match(text, /^ {2}only 1 of 3 Sentinels answers$/m);
  assert.match(text, /^10\.0\.0\.1:1 up .* mymaster: DISAGREES: 10\.0\.0\.9:1, epoch 1$/m);
  assert.match(text, /^10\.0\.0\.2:1 DOWN .* ANNOUNCEMENTS NOT HEARD$/m);
});

test('frame() loses nothing of what Sentinels say, of events and of the head at 80 columns', () => {
  const cause =
    'ERROR: Cannot reach 10.0.0.1:26379: the certificate is signed by an authority that is not known here (SELF_SIGNED_CERT_IN_CHAIN)';
  const said = {
    ...{
      database: 'mymaster',
      address: null,
      epoch: null,
      flags: [],
      stranger: false,
      at: now,
      latencyMs: 1,
    },
    ...({ kind: 'error', agrees: null, text: cause.slice('ERROR: '.length) } as const),
  };
  const reason = `no master: ${'the cause of it all '.repeat(8)}(END)`;
  const event = { id: 'a.1', time: now, level: 'error', event: 'database.outage', sentence: 'said' };
  const look = lookAt(
    [database('mymaster', 0, { ready: false, reason })],
    [sentinel('10.0.0.1:26379', { state: 'down', said: [said] })],
    undefined,
    { events: [{ ...event, fields: { database: 'mymaster', reason } }], trouble: reason },
  );
  const lines = frame(look, { columns: 80, rows: 60, isLive: true }, plainly);
  assert.ok(lines.every((line) => line.length <= 80));
  const text = lines.map((line) => line.trim()).join(' ');
  assert.equal(text.split('(END)').length - 1, 3, lines.join('\n'));
  assert.ok(text.includes(cause), lines.join('\n'));
  assert.doesNotMatch(text, /…/);
});

test('timeBar() draws to scale, and loses no milestone', () => {
  const bar = (...steps: readonly (readonly [string, number])[]): string =>
    timeBar(
      steps.map(([name, ms]) => ({ name, ms })),
      13,
    );
  assert.equal(bar(['fenced', 0], ['served', 50], ['confirmed', 100]), '|F====S----C|');
  assert.equal(bar(['fenced', 0], ['promoted', 0.1], ['served', 0.2], ['confirmed', 1_000]), '|FPS-------C|');
  assert.equal(bar(['fenced', 0], ['served', 99], ['first byte', 99.5], ['confirmed', 100]), '|F=======SBC|');
  assert.match(bar(['fenced', 0]), /^\|F[=-]{10}\|$/);
  assert.match(bar(), /^\|=+.*\|$/);
});
