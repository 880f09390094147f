import assert from 'node:assert/strict';
import { test } from 'node:test';
import { History, keptSamples, type DatabaseHistory } from '../../src/admin/history.ts';
import type { Readings } from '../../src/admin/callbacks.ts';
import { Secret } from '../../src/net/secret.ts';
import type { TunnelCounters } from '../../src/relay/core/engine.ts';
import { Outages } from '../../src/admin/dashboard/outages.ts';
import { readingsOf, Series } from '../../src/admin/dashboard/series.ts';
import {
  ask,
  awaitServing,
  eventually,
  FakeRedis,
  FakeSentinel,
  freePort,
  TunnelProcess,
  withoutLeaks,
} from '../support/index.ts';
import { overviewOf, serving, Stage, token, tunnelWith } from './stage.ts';

const since = '2026-01-31T12:00:00.000Z';

function countersOf(bytes: number, open = 1): TunnelCounters {
  return {
    ...{ open, held: 0, admitted: open, dialFailures: 0, acceptErrors: 0 },
    ended: { downstream: 0, upstream: 0, evicted: 0, refused: 0, idle: 0, drained: 0 },
    ...{ upstreamBytes: bytes, downstreamBytes: 2 * bytes },
  };
}

function takenAt(second: number, names: readonly string[], isServing = true): Readings {
  const counters = isServing ? countersOf(second * 100) : undefined;
  return {
    uptimeMs: second * 1000,
    databases: names.map((name) => ({ name, isServing, since, counters })),
  };
}

test('the history keeps the last samples of each database, and goes round', () => {
  let shown = takenAt(0, ['a']);
  const history = new History(() => shown);
  assert.deepEqual(history.of('a').atMs, [], 'no sample yet');
  for (let second = 1; second <= 5; second += 1) {
    shown = takenAt(second, ['a'], second !== 3);
    history.sample();
  }
  const first = history.of('a');
  assert.deepEqual(first.uptimeMs, [1000, 2000, 3000, 4000, 5000]);
  assert.deepEqual(first.upstreamBytes, [100, 200, null, 400, 500], 'what is not known is no zero');
  assert.deepEqual(first.open, [1, 1, null, 1, 1]);
  assert.deepEqual(first.serving, [true, true, false, true, true]);
  assert.equal(first.sinceMs[0], Date.parse(since));
  for (let second = 6; second <= keptSamples + 50; second += 1) {
    shown = takenAt(second, second > keptSamples ? ['a', 'late'] : ['a']);
    history.sample();
  }
  const { uptimeMs, upstreamBytes, held } = history.of('a');
  assert.deepEqual(
    uptimeMs,
    Array.from({ length: keptSamples }, (_, index) => (51 + index) * 1000),
  );
  assert.deepEqual([upstreamBytes[0], upstreamBytes.at(-1)], [5100, 65_000]);
  assert.equal(held.length, keptSamples);
  assert.equal(history.of('late').uptimeMs.length, 50, 'nothing from before it was there');
  assert.equal(history.of('late').uptimeMs[0], (keptSamples + 1) * 1000);
});

test('the history forgets a database that is gone, also where its name comes back', () => {
  let shown = takenAt(1, ['a', 'b']);
  const history = new History(() => shown);
  history.sample();
  shown = takenAt(2, ['a']);
  history.sample();
  assert.deepEqual(history.of('b').atMs, []);
  shown = takenAt(3, ['b', 'a']);
  history.sample();
  assert.deepEqual(history.of('b').uptimeMs, [3000]);
  assert.deepEqual(history.of('a').uptimeMs, [1000, 2000, 3000]);
  history.stop();
  assert.deepEqual(history.of('a').atMs, []);
});

test('GET /history gives one database to those who have the token, and is bounded', async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open({ token: new Secret(token) });
    const { where, daemon, history } = stage;
    const headers = { authorization: `Bearer ${token}` };
    const most = 999_999_999_999_999;
    daemon.shown = overviewOf([tunnelWith(serving, { counters: countersOf(most / 3, 99_999) })], {
      uptimeMs: 1e10 / 3,
    });
    assert.equal((await ask(where, '/history?database=mymaster')).status, 401);
    assert.equal((await ask(where, '/history', { headers })).status, 400);
    assert.equal((await ask(where, '/history?database=other', { headers })).status, 404);
    const empty = (await ask(where, '/history?database=mymaster', { headers })).json() as DatabaseHistory;
    assert.deepEqual([empty.database, empty.atMs], ['mymaster', []]);
    for (let count = 0; count < 2 * keptSamples; count += 1) history.sample();
    const full = await ask(where, '/history?database=mymaster', { headers });
    const { atMs, open } = full.json() as DatabaseHistory;
    assert.deepEqual([atMs.length, open.length, open[0]], [keptSamples, keptSamples, 99_999]);
    assert.ok(full.text.length < 64_000, String(full.text.length));
  });
});

test('a page that opens later goes on after the history without a gap or a double sample', () => {
  const series = new Series();
  const live = (second: number): boolean =>
    series.read({ at: 1000 + second, uptimeMs: second * 1000, counters: countersOf(second * 100) });
  live(10.3); // while the history was asked for
  const seconds = [7, 8, 9, 10];
  const bytes = [700, null, 900, 1000];
  series.replay(
    readingsOf({
      database: 'a',
      atMs: seconds.map((second) => (1000 + second) * 1000),
      uptimeMs: seconds.map((second) => second * 1000),
      serving: [true, false, true, true],
      sinceMs: seconds.map(() => 1_000_000),
      ...{ upstreamBytes: bytes, downstreamBytes: bytes, open: [1, null, 1, 1], held: [0, null, 0, 0] },
    }),
  );
  assert.equal(live(10.5), false, 'too close to the last of the history');
  live(11.3);
  live(12.3);
  assert.deepEqual(
    series.samples.map(({ at }) => at),
    [1007, 1008, 1009, 1010, 1011.3, 1012.3],
  );
  assert.deepEqual(
    series.samples.map(({ open }) => open),
    [1, null, 1, 1, 1, 1],
  );
  assert.deepEqual(
    series.samples.slice(1).map(({ upstream }) => upstream && Math.round(upstream)),
    [null, null, 100, 100, 100],
  );
});

test('times without a master follow from the samples, also one that was over before the next', () => {
  const outages = new Outages();
  outages.read(90, true, 50);
  outages.read(91, true, 90.5);
  outages.read(92, false, 91.4);
  outages.read(93, true, 92.6);
  outages.read(120, true, 110);
  assert.deepEqual(outages.all, [
    { from: 90, to: 90.5 },
    { from: 91.4, to: 92.6 },
  ]);
  outages.replay({
    database: 'a',
    atMs: [91_000, 92_000, 93_000],
    uptimeMs: [1000, 2000, 3000],
    serving: [true, false, false],
    sinceMs: [90_500, 91_400, 92_600],
    ...{ upstreamBytes: [], downstreamBytes: [], open: [], held: [] },
  });
  assert.deepEqual(outages.all, [
    { from: 90, to: 90.5 },
    { from: 91.4, to: undefined },
  ]);
  outages.read(94, true, 93.5);
  assert.deepEqual(outages.all.at(-1), { from: 91.4, to: 93.5 });
});

test('the tunnel samples what it serves by itself, and forgets a database that a reload removes', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    const master = { host: '127.0.0.1', port: redis.port };
    await using sentinel = await FakeSentinel.start({ masters: { one: master, two: master } });
    const one = { name: 'one', listen: '127.0.0.1:0' };
    const two = { name: 'two', listen: '127.0.0.1:0' };
    const config = { sentinels: [sentinel.seed], databases: [one, two], admin: { listen: await freePort() } };
    await using tunnel = await TunnelProcess.start({ config });
    await awaitServing(tunnel, 'one');
    await awaitServing(tunnel, 'two');
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    const historyOf = async (name: string): Promise<DatabaseHistory> =>
      (await ask(tunnel.adminPort, `/history?database=${name}`)).json() as DatabaseHistory;
    await using client = await tunnel.connect('one');
    assert.equal(await client.command('PING'), 'PONG');
    const before = await eventually(async () => {
      const history = await historyOf('one');
      const { open, upstreamBytes, serving: served } = history;
      return open.at(-1) === 1 && (upstreamBytes.at(-1) ?? 0) > 0 && served.at(-1) === true && history;
    });
    assert.ok((await historyOf('two')).open.length > 0);
    await tunnel.reload({ ...config, databases: [one] });
    assert.equal((await ask(tunnel.adminPort, '/history?database=two')).status, 404);
    // Long enough for a sample without it.
    await eventually(async () => (await historyOf('one')).atMs.length > before.atMs.length + 2);
    await tunnel.reload(config);
    const back = await eventually(async () => {
      const history = await historyOf('two');
      return history.atMs.length > 0 && history;
    });
    const whole = await historyOf('one');
    assert.ok(whole.atMs.length >= back.atMs.length + 2, 'what was known of it before is gone');
    assert.equal(whole.uptimeMs[0], before.uptimeMs[0], 'the other one has kept all');
  });
});

test('another admin listener goes on with the history', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using sentinel = await FakeSentinel.start({
      masters: { one: { host: '127.0.0.1', port: redis.port } },
    });
    const [first, second] = [await freePort(), await freePort()];
    const databases = [{ name: 'one', listen: '127.0.0.1:0' }];
    const config = { sentinels: [sentinel.seed], databases, admin: { listen: first } };
    await using tunnel = await TunnelProcess.start({ config });
    const uptimesAt = async (port: number): Promise<readonly number[]> =>
      ((await ask(port, '/history?database=one')).json() as DatabaseHistory).uptimeMs;
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    const [oldest] = await eventually(async () => {
      const uptimes = await uptimesAt(first);
      return uptimes.length > 0 && uptimes;
    });
    await tunnel.reload({ ...config, admin: { listen: second } });
    await eventually(() => tunnel.events('admin.opened').length === 2);
    assert.equal((await uptimesAt(second))[0], oldest);
  });
});
