import assert from 'node:assert/strict';
import { test } from 'node:test';
import { SentinelStats } from '../../../src/sentinel/links/stats.ts';
import { Health } from '../../../src/sentinel/links/health.ts';
import type { Answer } from '../../../src/sentinel/links/answer.ts';
import type { Log } from '../../../src/telemetry/log.ts';

const denied: Answer = { kind: 'error', text: 'NOAUTH Authentication required.', code: 'ST_SENTINEL_AUTH' };
const silent: Answer = { kind: 'unreachable', text: 'connection refused (ECONNREFUSED)' };
const well: Answer = { kind: 'unknown' };

test('each change between a refusing and an unreachable Sentinel is logged once', () => {
  const reported: string[] = [];
  function tell(event: string, fields: Readonly<Record<string, unknown>> = {}): void {
    const { reason } = fields;
    reported.push(typeof reason === 'string' ? `${event} ${reason}` : event);
  }
  const log: Log = { isDebugging: false, debug: tell, info: tell, warn: tell, error: tell };
  const health = new Health(log);
  for (const answer of [denied, denied, silent, silent, denied, denied, silent, well, well, denied, well])
    health.answered('127.0.0.1:26379', 'mymaster', answer);
  assert.deepEqual(reported, [
    'sentinel.down NOAUTH Authentication required.',
    'sentinel.down connection refused (ECONNREFUSED)',
    'sentinel.down NOAUTH Authentication required.',
    'sentinel.down connection refused (ECONNREFUSED)',
    'sentinel.up',
    'sentinel.down NOAUTH Authentication required.',
    'sentinel.up',
  ]);
});

test('the state of a Sentinel is down while it refuses our credentials', () => {
  const stats = new SentinelStats();
  const states = [denied, well, { kind: 'error', text: 'ERR no' } as const, silent].map((answer) => {
    stats.answered('mymaster', answer, 1);
    return stats.view({ sentinel: '127.0.0.1:26379', isSeed: true, id: undefined, strangeTo: [] }).state;
  });
  assert.deepEqual(states, ['down', 'up', 'up', 'down']);
});
