import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';
import type { Fields, Log } from '../../src/telemetry/log.ts';
import { Repeats } from '../../src/tunnel/repeats.ts';

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
  const repeats = new Repeats(log);
  assert.equal(repeats.warn('dial.failed', { code: 'ECONNREFUSED' }, 2), true);
  for (let ms = 0; ms < 2500; ms += 100) {
    assert.equal(repeats.warn('dial.failed', { code: 'ECONNREFUSED' }, 1), false);
    mock.timers.tick(100);
  }
  const run = ['dial.failed ECONNREFUSED 2', 'dial.failed ECONNREFUSED 10', 'dial.failed ECONNREFUSED 10'];
  assert.deepEqual(lines, run);
  repeats.close();
  assert.deepEqual(lines, [...run, 'dial.failed ECONNREFUSED 5']);
});

test('another word begins a run of its own, and a second of quiet ends one', () => {
  const repeats = new Repeats(log);
  repeats.warn('reply.doubtful', { word: 'LOADING' });
  repeats.warn('reply.doubtful', { word: 'READONLY' });
  mock.timers.tick(1000);
  repeats.warn('reply.doubtful', { word: 'LOADING' });
  assert.deepEqual(lines, ['reply.doubtful LOADING', 'reply.doubtful READONLY', 'reply.doubtful LOADING']);
  repeats.close();
  assert.equal(lines.length, 3);
});

test('however many words there are, few are remembered and none is lost', () => {
  const repeats = new Repeats(log);
  for (const round of [1, 2])
    for (let word = 0; word < 100; word += 1)
      assert.equal(repeats.warn('session.refused', { reason: String(word) }, round), true);
  repeats.close();
  assert.equal(lines.length, 200);
});
