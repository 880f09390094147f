import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { Fields, Log } from '../../src/telemetry/log.ts';
import { RepeatLimit } from '../../src/telemetry/repeat-limit.ts';

let lines: string[] = [];
function write(event: string, fields: Fields = {}): void {
  lines.push([event, ...Object.values(fields)].join(' '));
}
const log: Log = { isDebugging: false, debug: write, info: write, warn: write, error: write };

beforeEach(() => {
  lines = [];
  mock.timers.enable({ apis: ['setInterval'] });
});
afterEach(() => {
  mock.timers.reset();
});

test('the first of a run is written at once, the rest once a second with their number', () => {
  const repeatLimit = new RepeatLimit(log);
  assert.equal(repeatLimit.note('warn', 'dial.failed', { code: 'ECONNREFUSED' }, 2), true);
  for (let ms = 0; ms < 2500; ms += 100) {
    assert.equal(repeatLimit.note('warn', 'dial.failed', { code: 'ECONNREFUSED' }, 1), false);
    mock.timers.tick(100);
  }
  const run = ['dial.failed ECONNREFUSED 2', 'dial.failed ECONNREFUSED 10', 'dial.failed ECONNREFUSED 10'];
  assert.deepEqual(lines, run);
  repeatLimit.close();
  assert.deepEqual(lines, [...run, 'dial.failed ECONNREFUSED 5']);
});

test('other fields start another run, and a second without repeats ends one', () => {
  const repeatLimit = new RepeatLimit(log);
  repeatLimit.note('warn', 'reply.doubtful', { word: 'LOADING' });
  repeatLimit.note('warn', 'reply.doubtful', { word: 'READONLY' });
  mock.timers.tick(1000);
  repeatLimit.note('warn', 'reply.doubtful', { word: 'LOADING' });
  assert.deepEqual(lines, ['reply.doubtful LOADING', 'reply.doubtful READONLY', 'reply.doubtful LOADING']);
  repeatLimit.close();
  assert.equal(lines.length, 3);
});

test('many different events are all written, and few are remembered', () => {
  const repeatLimit = new RepeatLimit(log);
  for (const round of [1, 2])
    for (let word = 0; word < 100; word += 1)
      assert.equal(repeatLimit.note('warn', 'session.refused', { reason: String(word) }, round), true);
  repeatLimit.close();
  assert.equal(lines.length, 200);
});
