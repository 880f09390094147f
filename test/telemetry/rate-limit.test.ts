import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventName } from '../../src/telemetry/events.ts';
import { EventFeed } from '../../src/telemetry/feed.ts';
import { silentLog, type Fields, type Log } from '../../src/telemetry/log.ts';
import { LogRateLimit, shortened } from '../../src/telemetry/rate-limit.ts';
import { eventually } from '../support/index.ts';

interface Logged {
  readonly event: EventName;
  readonly fields: Fields;
}

function logInto(logged: Logged[]): Log {
  const add = (event: EventName, fields: Fields = {}): void => void logged.push({ event, fields });
  return { isDebugging: true, debug: add, info: add, warn: add, error: add };
}

test('events that come too fast are dropped and counted, for each database', async () => {
  const logged: Logged[] = [];
  const rateLimit = new LogRateLimit(logInto(logged));
  const count = 6_000;
  for (let at = 0; at < count; at += 1)
    rateLimit.log.warn('master.fenced', { database: 'a', generation: at });
  rateLimit.log.warn('master.fenced', { database: 'b', generation: 1 });
  const written = logged.filter(({ fields }) => fields['database'] === 'a').length;
  assert.ok(written >= 100 && written < 200, String(written));
  assert.deepEqual(logged.at(-1)?.fields, { database: 'b', generation: 1 });
  const report = await eventually(() => logged.find(({ event }) => event === 'log.limited'));
  assert.deepEqual(report.fields, { database: 'a', kind: 'master.fenced', count: count - written });
  rateLimit.close();
});

test('the last dropped events are counted at the end', () => {
  const logged: Logged[] = [];
  const rateLimit = new LogRateLimit(logInto(logged));
  for (let at = 0; at < 1_000; at += 1) rateLimit.log.info('sentinel.up', { sentinel: String(at) });
  rateLimit.close();
  const { event, fields } = logged.at(-1) ?? assert.fail();
  assert.equal(event, 'log.limited');
  assert.equal(Number(fields['count']) + logged.length - 1, 1_000);
});

test('actions of an operator are never dropped', () => {
  const logged: Logged[] = [];
  const rateLimit = new LogRateLimit(logInto(logged));
  for (let at = 0; at < 1_000; at += 1) rateLimit.log.info('admin.acted', { who: 'w', action: 'cut' });
  rateLimit.close();
  assert.equal(logged.length, 1_000);
});

test('long texts are shortened, with the number of missing characters', () => {
  const payload = 'x'.repeat(1024 * 1024);
  const { payload: kept } = shortened({ payload });
  assert.ok(typeof kept === 'string' && kept.length < 9_000);
  assert.match(kept, /^x+… \(1040384 more characters\)$/);
  const { lines } = shortened({ lines: Array<string>(10_000).fill('y'.repeat(100)) });
  assert.ok(Array.isArray(lines) && lines.length < 200);
  assert.match(String(lines.at(-1)), /^… and \d+ more$/);
  const fields = { database: 'm', lines: ['a', 'b'], count: 1 };
  assert.equal(shortened(fields), fields);
});

test('the feed stays small under a flood of long events', () => {
  const feed = new EventFeed();
  const rateLimit = new LogRateLimit(feed.tee(silentLog));
  const reason = 'z'.repeat(300_000);
  for (let at = 0; at < 2_000; at += 1) rateLimit.log.warn('master.lost', { database: `m${at}`, reason });
  rateLimit.close();
  const length = feed.last(1_000).reduce((sum, { fields }) => sum + JSON.stringify(fields).length, 0);
  assert.ok(length < 500 * 20_000, String(length));
});
