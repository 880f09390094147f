import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DatabaseConfig } from '../../src/config/types.ts';
import { Tunnels } from '../../src/tunnel/tunnels.ts';
import { RecordedLog, settled, stopClock } from '../support/index.ts';
import { databaseOf, listenerAt } from './databases.ts';
import { FakeEngine } from './fake-engine.ts';
import { FakeSentinels } from './fake-sentinels.ts';

const drainMs = 10_000;
const never = new AbortController().signal;

class Rig {
  readonly engine = new FakeEngine();
  readonly sentinels = new FakeSentinels();
  readonly log = new RecordedLog();
  readonly tunnels: Tunnels;

  constructor(databases: readonly DatabaseConfig[], hurry = never) {
    const { engine, log, sentinels } = this;
    this.tunnels = new Tunnels(databases, { engine, log, sentinels: sentinels.sentinels }, hurry);
  }

  static async open(databases: readonly DatabaseConfig[], hurry = never): Promise<Rig> {
    const rig = new Rig(databases, hurry);
    assert.deepEqual(await rig.tunnels.open(), []);
    return rig;
  }

  /** The open listeners, as `database port`. */
  get listening(): readonly string[] {
    return this.tunnels
      .listening()
      .map(({ database, address }) => `${database} ${address.kind === 'tcp' ? address.port : address.path}`);
  }
}

const a = databaseOf('a', { listen: [listenerAt(7_001)] });
const b = databaseOf('b', { listen: [listenerAt(7_002)] });
const c = databaseOf('c', { listen: [listenerAt(7_003)] });

test('Tunnels opens each database, and reports which listener failed', async () => {
  const rig = new Rig([a, b]);
  rig.engine.taken.add('127.0.0.1:7001');
  const failures = await rig.tunnels.open();
  assert.deepEqual(
    failures.map(({ code, message }) => [code, message]),
    [['ST_LISTEN_FAILED', 'a: Cannot listen on "127.0.0.1:7001": the address is in use']],
  );
  assert.deepEqual(rig.listening, ['b 7002']);
  await rig.tunnels.close();
});

test('Tunnels finds a database by its name, and rejects an unknown one', async () => {
  const rig = await Rig.open([a, b]);
  assert.equal(rig.tunnels.named('b').name, 'b');
  assert.throws(() => rig.tunnels.named('z'), { code: 'ST_USAGE', message: 'No database "z"' });
  await rig.tunnels.close();
});

test('Tunnels opens new databases, closes removed ones and adjusts the rest in place', async () => {
  const rig = await Rig.open([a, b]);
  const [relayOfA, relayOfB] = [rig.engine.of('a'), rig.engine.of('b')];
  await rig.tunnels.adjust([c, { ...a, holdMs: 77 }], drainMs);
  await settled();
  assert.equal(rig.engine.of('a'), relayOfA);
  assert.equal(relayOfA.isClosed, false);
  assert.ok(relayOfA.commands.some((each) => each.kind === 'limits' && each.limits.holdMs === 77));
  assert.equal(relayOfB.isClosed, true);
  assert.equal(rig.sentinels.of('b').isClosed, true);
  assert.deepEqual(rig.listening, ['c 7003', 'a 7001'], 'in the order of the configuration');
  assert.throws(() => rig.tunnels.named('b'));
  await rig.tunnels.close();
});

test('Tunnels gives a freed address to another database in the same reload', async () => {
  const rig = await Rig.open([a, b]);
  await rig.tunnels.adjust(
    [
      { ...a, listen: b.listen },
      { ...c, listen: a.listen },
    ],
    drainMs,
  );
  assert.deepEqual(rig.listening, ['a 7002', 'c 7001']);
  assert.deepEqual(rig.log.fieldsOf('listener.failed'), []);
  await rig.tunnels.close();
});

test('Tunnels stops retrying a listener that a reload removed', async (t) => {
  const clock = stopClock(t);
  const rig = new Rig([{ ...a, listen: [listenerAt(7_001), listenerAt(7_009)] }]);
  rig.engine.taken.add('127.0.0.1:7009');
  assert.equal((await rig.tunnels.open()).length, 1);
  await rig.tunnels.adjust([a], drainMs);
  rig.engine.taken.clear();
  clock.pass(20_000);
  await settled();
  assert.deepEqual(rig.listening, ['a 7001']);
  await rig.tunnels.close();
});

const tls = { minVersion: 'TLSv1.2' } as const;
for (const [what, after] of [
  ['speaks TLS from now on', { ...a, redis: { tls } }],
  ['has its servers at another port', { ...a, redis: { port: 6380 } }],
] as const)
  test(`Tunnels replaces a database that ${what}`, async () => {
    const rig = await Rig.open([a]);
    const before = rig.engine.of('a');
    await rig.tunnels.adjust([after], drainMs);
    await settled();
    assert.notEqual(rig.engine.of('a'), before);
    assert.equal(before.isClosed, true);
    assert.equal(rig.engine.of('a').spec.needsTls, 'tls' in after.redis);
    assert.deepEqual(rig.listening, ['a 7001'], 'the old one gave its address up first');
    await rig.tunnels.close();
  });

test('Tunnels drains the sessions of a removed database, and counts them until then', async (t) => {
  const clock = stopClock(t);
  const rig = await Rig.open([a, b]);
  const gone = rig.engine.of('b');
  gone.counted = { ...gone.counted, open: 4, held: 1 };
  gone.draining = new Promise(() => undefined);
  await rig.tunnels.adjust([a], drainMs);
  assert.deepEqual([gone.listeners, gone.isClosed], [[], false]);
  assert.equal(rig.tunnels.countConnected(), 5);
  clock.pass(drainMs - 1);
  await settled();
  assert.equal(gone.isClosed, false);
  clock.pass(1);
  await settled();
  assert.equal(gone.isClosed, true);
  assert.equal(rig.tunnels.countConnected(), 0);
  await rig.tunnels.close();
});

test('Tunnels ends a drain at once when the signal aborts', async () => {
  const hurry = new AbortController();
  const rig = await Rig.open([a, b], hurry.signal);
  const gone = rig.engine.of('b');
  gone.draining = new Promise(() => undefined);
  await rig.tunnels.adjust([a], drainMs);
  assert.equal(gone.isClosed, false);
  hurry.abort();
  await settled();
  assert.equal(gone.isClosed, true);
  await rig.tunnels.close();
});

test('Tunnels drains and closes all, also those of removed databases', async () => {
  const rig = await Rig.open([a, b]);
  let ended = (): void => undefined;
  const gone = rig.engine.of('b');
  gone.draining = new Promise((resolve) => (ended = resolve));
  await rig.tunnels.adjust([a], drainMs);
  let isDrained = false;
  const drained = rig.tunnels.drain().then(() => (isDrained = true));
  await settled();
  assert.equal(isDrained, false);
  ended();
  await drained;
  await rig.tunnels.close();
  assert.deepEqual(
    rig.engine.opened.map(({ isClosed }) => isClosed),
    [true, true],
  );
  assert.ok(rig.sentinels.watches.every(({ isClosed }) => isClosed));
});
