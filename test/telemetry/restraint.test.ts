import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { EventName } from '../../src/telemetry/events.ts';
import { EventFeed } from '../../src/telemetry/feed.ts';
import { silentLog, type Fields, type Log } from '../../src/telemetry/log.ts';
import { Restraint, shortened } from '../../src/telemetry/restraint.ts';
import { eventually } from '../support/index.ts';

interface Told {
  readonly event: EventName;
  readonly fields: Fields;
}

function logInto(told: Told[]): Log {
  const add = (event: EventName, fields: Fields = {}): void => void told.push({ event, fields });
  return { isDebugging: true, debug: add, info: add, warn: add, error: add };
}

test('events that come too fast are left out, and their number is told, for each database', async () => {
  const told: Told[] = [];
  const restraint = new Restraint(logInto(told));
  const count = 6_000;
  for (let at = 0; at < count; at += 1)
    restraint.log.warn('master.fenced', { database: 'a', generation: at });
  restraint.log.warn('master.fenced', { database: 'b', generation: 1 });
  const written = told.filter(({ fields }) => fields['database'] === 'a').length;
  assert.ok(written >= 100 && written < 200, String(written));
  assert.deepEqual(told.at(-1)?.fields, { database: 'b', generation: 1 });
  const report = await eventually(() => told.find(({ event }) => event === 'log.limited'));
  assert.deepEqual(report.fields, { database: 'a', kind: 'master.fenced', count: count - written });
  restraint.close();
});

test('what was left out last is told at the end', () => {
  const told: Told[] = [];
  const restraint = new Restraint(logInto(told));
  for (let at = 0; at < 1_000; at += 1) restraint.log.info('sentinel.up', { sentinel: String(at) });
  restraint.close();
  const { event, fields } = told.at(-1) ?? assert.fail();
  assert.equal(event, 'log.limited');
  assert.equal(Number(fields['count']) + told.length - 1, 1_000);
});

test('what an operator has asked for is never left out', () => {
  const told: Told[] = [];
  const restraint = new Restraint(logInto(told));
  for (let at = 0; at < 1_000; at += 1) restraint.log.info('admin.acted', { who: 'w', action: 'cut' });
  restraint.close();
  assert.equal(told.length, 1_000);
});

test('texts of others are kept only in part, and it is said how much is missing', () => {
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

test('the feed keeps little of much', () => {
  const feed = new EventFeed();
  const restraint = new Restraint(feed.tee(silentLog));
  const reason = 'z'.repeat(300_000);
  for (let at = 0; at < 2_000; at += 1) restraint.log.warn('master.lost', { database: `m${at}`, reason });
  restraint.close();
  const length = feed.last(1_000).reduce((sum, { fields }) => sum + JSON.stringify(fields).length, 0);
  assert.ok(length < 500 * 20_000, String(length));
});
