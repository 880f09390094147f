import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { SaidStatus, SentinelStatus } from '../../src/admin/status.ts';
import { bytes, count, databaseWording, lasting, saidWording } from '../../src/admin/wording.ts';
import { answerOf, signs, wordingOf } from '../../src/admin/dashboard/words.ts';
import { stateOf } from '../../src/cli/status-text.ts';
import { clock } from '../../src/telemetry/local-time.ts';
import { database, now, sentinel } from '../cli/status-values.ts';

test('numbers and times have one form', () => {
  assert.deepEqual(
    [1, 2, 1_234].map((many) => count(many, 'session')),
    ['1 session', '2 sessions', '1,234 sessions'],
  );
  assert.deepEqual(
    [0, 59_999, 60_000, 252_000, 3_600_000, 90_061_000].map((ms) => lasting(ms, 's')),
    [...['0 s', '59 s', '1 min', '4 min 12 s', '1 h', '1 d 1 h']],
  );
  assert.deepEqual(
    [-5, 0, 740, 1_000, 190_000].map((ms) => lasting(ms)),
    ['0 ms', '0 ms', '740 ms', '1 s', '3 min 10 s'],
  );
  assert.deepEqual([0, 999, 1_250, 12_340, 1e6].map(bytes), [
    '0 B',
    '999 B',
    '1.25 kB',
    '12.3 kB',
    '1.00 MB',
  ]);
  const noon = new Date(2026, 0, 31, 12, 0, 0);
  assert.equal(clock(new Date(2026, 0, 31, 9, 3, 4).toISOString(), noon), '09:03:04');
  assert.equal(clock(new Date(2026, 0, 30, 9, 3, 4).toISOString(), noon), '2026-01-30 09:03:04');
  assert.equal(clock('never', noon), '?');
});

test('the command line and the dashboard name the state of a database alike', () => {
  const hold = { since: now, until: now, reason: 'held by an operator', holdMs: 10_000 };
  const phases = ['unknown', 'fenced', 'lost', 'forbidden'] as const;
  const all = [
    database('a'),
    database('a', 0, { standing: 'provisional' }),
    database('a', 0, { hold }),
    database('a', 0, { listen: [{ address: '127.0.0.1:1', open: false, reason: 'EADDRINUSE' }] }),
    ...phases.map((phase) => database('a', 0, { phase, ready: false, reason: `${phase}: why` })),
  ];
  for (const each of all) {
    const { word, meaning } = databaseWording(each, new Date(now));
    assert.equal(stateOf(each, new Date(now)).word, word.toUpperCase());
    assert.equal(stateOf(each, new Date(now)).meaning, meaning);
    assert.equal(wordingOf(each).word, word);
  }
  assert.deepEqual(
    all.map((each) => signs[wordingOf(each).tone]),
    ['✓', '◐', '!', '✕', '✕', '◐', '✕', '✕'],
  );
  assert.equal(
    wordingOf(all[6] ?? database('a')).sentence,
    'There is no usable master, clients wait: lost: why',
  );
});

test('the command line and the dashboard say alike what a Sentinel says', () => {
  const said: SaidStatus = {
    ...{ database: 'a', kind: 'address', address: '10.0.0.1:6379', epoch: 3, flags: ['master', 's_down'] },
    ...{ stranger: false, text: null, agrees: null, at: now, latencyMs: 1 },
  };
  assert.deepEqual(saidWording(said, null), {
    ...{ tone: 'poor', word: 'says: down', detail: '10.0.0.1:6379, epoch 3, s_down', isFault: false },
  });
  const other: SentinelStatus = sentinel('10.0.0.9:26379');
  const { word, sentence } = answerOf(other, said, null);
  assert.deepEqual([word, sentence], ['says: down', 'It names 10.0.0.1:6379, epoch 3, s_down']);
  const silent = { ...said, kind: 'unreachable', address: null, text: 'ECONNREFUSED' } as const;
  assert.equal(answerOf(other, silent, null).sentence, 'No answer: ECONNREFUSED');
  assert.equal(answerOf(other, undefined, null).word, 'not asked yet');
});
