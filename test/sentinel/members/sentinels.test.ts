import assert from 'node:assert/strict';
import { test, type TestContext } from 'node:test';
import { Sentinels } from '../../../src/sentinel/members/sentinels.ts';
import type { EventName } from '../../../src/telemetry/events.ts';
import type { Fields, Log } from '../../../src/telemetry/log.ts';
import { eventually, FakeRedis, FakeSentinel, freePort, withoutLeaks } from '../../support/index.ts';

const rules = { name: 'mymaster', failover: 'promoted', onSentinelLoss: 'serve' } as const;
/** Callbacks that do nothing. */
const silent = { steer: () => undefined, report: () => undefined };
const config = { discover: true, replyMs: 1000, pollMs: 50 };

class Recorder implements Log {
  readonly isDebugging = false;
  readonly events: { event: EventName; fields: Fields | undefined }[] = [];
  debug(): void {
    // not looked at
  }
  info(event: EventName, fields?: Fields): void {
    this.events.push({ event, fields });
  }
  warn(event: EventName, fields?: Fields): void {
    this.info(event, fields);
  }
  error(event: EventName, fields?: Fields): void {
    this.info(event, fields);
  }
  count(event: EventName, sentinel: string): number {
    return this.events.filter((one) => one.event === event && one.fields?.['sentinel'] === sentinel).length;
  }
}

/** Lets time pass at once, on the clock that answers and absences are measured by. */
function clock(t: TestContext): (ms: number) => void {
  const real = performance.now.bind(performance);
  let aheadMs = 0;
  t.mock.method(performance, 'now', () => real() + aheadMs);
  return (ms) => {
    aheadMs += ms;
  };
}

test('close() leaves nothing behind, whatever the links are doing', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    for (const hung of ['MYID', 'get-master-addr-by-name', 'SUBSCRIBE', '']) {
      await using sentinel = await FakeSentinel.start({
        masters: { mymaster: { host: redis.host, port: redis.port } },
        answer: (command) => (command.includes(hung) ? 'hang' : undefined),
      });
      const sentinels = new Sentinels([sentinel], { ...config, replyMs: 60_000 }, new Recorder());
      const watch = sentinels.watch(rules, silent);
      if (hung === '') await eventually(() => watch.view().phase.kind === 'serving');
      else await eventually(() => sentinel.asked.some((command) => command.includes(hung)));
      sentinels.close();
      await eventually(() => sentinel.server.connections.length === 0);
    }
    const sentinels = new Sentinels([{ host: '127.0.0.1', port: await freePort() }], config, new Recorder());
    sentinels.watch(rules, silent);
    sentinels.close();
  });
});

test('two databases with one master name are queried and served separately', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using sentinel = await FakeSentinel.start({
      masters: { mymaster: { host: redis.host, port: redis.port } },
    });
    const sentinels = new Sentinels([sentinel], config, new Recorder());
    const watches = [rules, rules].map((each) => sentinels.watch(each, silent));
    await eventually(() => watches.every((watch) => watch.view().phase.kind === 'serving'));
    sentinels.close();
  });
});

test('hints wake the Sentinels no more often than their floor', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using sentinel = await FakeSentinel.start({
      masters: { mymaster: { host: redis.host, port: redis.port } },
    });
    const sentinels = new Sentinels([sentinel], { ...config, pollMs: 60_000 }, new Recorder());
    const watch = sentinels.watch(rules, silent);
    await eventually(() => watch.view().phase.kind === 'serving');
    const before = sentinel.count('SENTINEL', 'get-master-addr-by-name');
    const beganMs = performance.now();
    for (let count = 0; count < 10_000; count += 1) {
      watch.suspect(redis);
      sentinel.publish('+sdown', `master mymaster ${redis.host} ${String(redis.port)}`);
      if (count % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
    }
    await eventually(() => sentinel.count('SENTINEL', 'get-master-addr-by-name') > before);
    const rounds = sentinel.count('SENTINEL', 'get-master-addr-by-name') - before;
    const lastedMs = performance.now() - beganMs;
    assert.ok(rounds <= lastedMs / 20 + 2, `${String(rounds)} rounds in ${String(lastedMs)} ms`);
    sentinels.close();
  });
});

test('a learnt Sentinel that never answers is forgotten after a minute, and not added again when listed', async (t) => {
  await withoutLeaks(async () => {
    const pass = clock(t);
    const log = new Recorder();
    await using redis = await FakeRedis.start();
    const port = await freePort();
    const named = `127.0.0.1:${String(port)}`;
    await using sentinel = await FakeSentinel.start({
      masters: { mymaster: { host: redis.host, port: redis.port, sentinels: [{ host: '127.0.0.1', port }] } },
    });
    const sentinels = new Sentinels([sentinel], config, log);
    const watch = sentinels.watch(rules, silent);
    await eventually(() => log.count('sentinel.down', named) === 1);
    assert.equal(watch.view().sentinels.known, 1);
    pass(61_000);
    // The clock of these waits is the one that jumps.
    await eventually(() => log.count('sentinel.forgotten', named) === 1, { withinMs: 200_000 });
    const asked = sentinel.count('SENTINEL', 'sentinels');
    await eventually(
      () => {
        pass(11_000); // the others are asked for every 10 s
        return sentinel.count('SENTINEL', 'sentinels') > asked + 1;
      },
      { withinMs: 500_000, everyMs: 200 },
    );
    assert.equal(sentinels.views().length, 1);
    assert.equal(log.count('sentinel.discovered', named), 1);
    sentinels.close();
  });
  t.mock.restoreAll();
});

test('a tunnel that is cut off with a minority does not forget the learnt majority', async (t) => {
  await withoutLeaks(async () => {
    const pass = clock(t);
    const log = new Recorder();
    await using redis = await FakeRedis.start();
    const others = [await FakeSentinel.start(), await FakeSentinel.start()];
    const master = { host: redis.host, port: redis.port };
    for (const other of others) other.masters.set('mymaster', master);
    await using sentinel = await FakeSentinel.start({
      masters: { mymaster: { ...master, sentinels: others } },
    });
    const sentinels = new Sentinels([sentinel], config, log);
    const watch = sentinels.watch({ ...rules, onSentinelLoss: 'refuse' }, silent);
    await eventually(() => watch.view().sentinels.answering === 3);
    await Promise.all(others.map((other) => other.close()));
    await eventually(() => watch.view().phase.kind === 'forbidden');
    pass(61_000);
    const asked = sentinel.count('SENTINEL', 'get-master-addr-by-name');
    await eventually(() => sentinel.count('SENTINEL', 'get-master-addr-by-name') > asked + 60, {
      withinMs: 20_000,
    });
    assert.deepEqual(watch.view().sentinels, { known: 3, answering: 1, agreeing: 1 });
    assert.equal(watch.view().phase.kind, 'forbidden');
    sentinels.close();
  });
  t.mock.restoreAll();
});

test('a Sentinel that is no seed any more stays subscribed to where a remaining seed lists it', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    const master = { host: redis.host, port: redis.port };
    await using one = await FakeSentinel.start({ masters: { mymaster: master } });
    await using two = await FakeSentinel.start({ masters: { mymaster: master } });
    one.masters.set('mymaster', { ...master, sentinels: [two] });
    two.masters.set('mymaster', { ...master, sentinels: [one] });
    const log = new Recorder();
    const sentinels = new Sentinels([one, two], config, log);
    try {
      sentinels.watch(rules, silent);
      const asksNames = (by: FakeSentinel): boolean => by.count('SENTINEL', 'SENTINELS') > 0;
      await eventually(() => sentinels.views().every(({ state }) => state === 'up'));
      await eventually(() => asksNames(one) && asksNames(two));
      await eventually(() => sentinels.views().every(({ subscription }) => subscription === 'subscribed'));
      const rounds = one.count('SENTINEL', 'get-master-addr-by-name');
      await eventually(() => one.count('SENTINEL', 'get-master-addr-by-name') > rounds + 1); // the names have been read
      const { accepted } = two;
      sentinels.adjust([one], config);
      assert.deepEqual(
        sentinels.views().map(({ sentinel, isSeed, state }) => [sentinel, isSeed, state]),
        [
          [one.seed, true, 'up'],
          [two.seed, false, 'up'],
        ],
      );
      assert.equal(log.count('sentinel.forgotten', two.seed), 0);
      const before = two.count('SENTINEL', 'get-master-addr-by-name');
      await eventually(() => two.count('SENTINEL', 'get-master-addr-by-name') > before);
      assert.equal(two.accepted, accepted);
      sentinels.adjust([one], { ...config, discover: false });
      assert.equal(log.count('sentinel.forgotten', two.seed), 1);
      sentinels.adjust([two], { ...config, discover: false });
      sentinels.adjust([one], config); // what two names does not count: it does not stay
      assert.deepEqual(
        sentinels.views().map(({ sentinel }) => sentinel),
        [one.seed],
      );
      const asked = two.count('SENTINEL', 'SENTINELS');
      await eventually(() => two.count('SENTINEL', 'SENTINELS') > asked); // learnt again
      const again = two.count('SENTINEL', 'get-master-addr-by-name');
      await eventually(() => two.count('SENTINEL', 'get-master-addr-by-name') > again + 1);
      await using three = await FakeSentinel.start({ masters: { mymaster: master } });
      sentinels.adjust([three], config); // another deployment, perhaps: were the learnt one kept, it would be believed
      assert.deepEqual(
        sentinels.views().map(({ sentinel }) => sentinel),
        [three.seed],
      );
    } finally {
      sentinels.close();
    }
  });
});
