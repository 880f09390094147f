import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { DatabaseConfig } from '../../src/config/types.ts';
import type { Route } from '../../src/relay/core/engine.ts';
import type { MasterView, Phase } from '../../src/sentinel/decision/view.ts';
import { Tunnel } from '../../src/tunnel/tunnel.ts';
import { RecordedLog, settled, stopClock } from '../support/index.ts';
import { databaseOf, listenerAt } from './databases.ts';
import { FakeEngine, type FakeEngineTunnel } from './fake-engine.ts';
import { FakeSentinels, fenced, first, lost, second, serving, type FakeWatch } from './fake-sentinels.ts';

const name = 'mymaster';

interface Rig {
  readonly tunnel: Tunnel;
  readonly relay: FakeEngineTunnel;
  readonly watch: FakeWatch;
  readonly log: RecordedLog;
}

/** A tunnel that is open, and serves the first server under generation 1. */
async function openTunnel(changes: Partial<DatabaseConfig> = {}): Promise<Rig> {
  const [engine, sentinels, log] = [new FakeEngine(), new FakeSentinels(), new RecordedLog()];
  const tunnel = new Tunnel(databaseOf(name, changes), sentinels.sentinels, log);
  const watch = sentinels.of(name);
  watch.turn(1, serving(first));
  await tunnel.open(engine);
  return { tunnel, relay: engine.of(name), watch, log };
}

const views: readonly (readonly [string, Phase, Route])[] = [
  ['a served master', serving(second), { kind: 'serve', generation: 2, endpoint: second }],
  ['a fence', fenced(second), { kind: 'hold', generation: 2, reason: 'a failover has begun' }],
  ['a lost master', lost(first), { kind: 'hold', generation: 2, reason: 'connection refused' }],
  [
    'an unknown master',
    { kind: 'unknown', reason: 'nobody has answered', isMissing: false },
    { kind: 'hold', generation: 2, reason: 'nobody has answered' },
  ],
  [
    'a master that may not be served',
    { kind: 'forbidden', reason: 'only 1 of 3 Sentinels answer' },
    { kind: 'refuse', generation: 2, reason: 'only 1 of 3 Sentinels answer' },
  ],
];

for (const [what, phase, route] of views)
  test(`Tunnel steers the engine by ${what}`, async () => {
    const { tunnel, relay, watch } = await openTunnel();
    watch.turn(2, phase);
    assert.deepEqual(relay.routes, [{ kind: 'serve', generation: 1, endpoint: first }, route]);
    await tunnel.close();
  });

test('Tunnel steers the engine once for equal routes', async () => {
  const { tunnel, relay, watch } = await openTunnel();
  watch.turn(2, serving(second, 'provisional'));
  watch.turn(2, serving(second, 'confirmed'));
  watch.turn(2, serving(second), { degraded: ['1 of 3 Sentinels is down'] });
  assert.equal(relay.routes.length, 2);
  await tunnel.close();
});

test('Tunnel steers the engine before it listens, by the latest view', async () => {
  const [engine, sentinels] = [new FakeEngine(), new FakeSentinels()];
  const tunnel = new Tunnel(databaseOf(name), sentinels.sentinels, new RecordedLog());
  let opened = (): void => undefined;
  engine.opening = new Promise((resolve) => (opened = resolve));
  const opening = tunnel.open(engine);
  const relay = engine.of(name);
  const openAtFirst: number[] = [];
  relay.onCommand = () => openAtFirst.push(relay.listeners.length);
  sentinels.of(name).turn(1, serving(first));
  sentinels.of(name).turn(2, serving(second));
  opened();
  assert.deepEqual(await opening, []);
  assert.deepEqual(relay.routes, [{ kind: 'serve', generation: 2, endpoint: second }]);
  assert.deepEqual(openAtFirst, [0]);
  assert.equal(relay.listeners.length, 1);
  await tunnel.close();
});

test('Tunnel steers the engine before anything is logged or recorded', async () => {
  const { tunnel, relay, watch, log } = await openTunnel();
  const seen: { readonly logged: number; readonly recorded: number; readonly view: MasterView }[] = [];
  relay.onCommand = () => {
    seen.push({ logged: log.events.length, recorded: tunnel.records().length, view: tunnel.view() });
  };
  const before = log.events.length;
  watch.turn(2, fenced(second));
  assert.ok(log.events.length > before);
  watch.turn(2, serving(second));
  const atFence = log.fieldsOf('master.fenced').length;
  assert.deepEqual(
    seen.map(({ logged, recorded, view }) => [logged - before, recorded, view.phase.kind]),
    [
      [0, 0, 'fenced'],
      [atFence, 0, 'serving'],
    ],
  );
  await tunnel.close();
});

test('Tunnel records events that the engine emits while it is steered', async () => {
  const { tunnel, relay, watch } = await openTunnel();
  relay.onCommand = (command) => {
    if (command.kind !== 'steer') return;
    const cut = command.route.kind === 'serve' ? 0 : 7;
    relay.tell({ kind: 'steered', generation: 2, cut, held: 3, released: 0 });
  };
  watch.turn(2, fenced(second));
  watch.turn(2, serving(second));
  relay.tell({ kind: 'first-byte', generation: 2 });
  assert.deepEqual(
    tunnel.records().map(({ cut, held }) => [cut, held]),
    [[7, 3]],
  );
  await tunnel.close();
});

test('Tunnel suspects a server that refuses connections or sends a suspect reply, not one that a shortage of this host keeps it from', async () => {
  const { tunnel, relay, watch } = await openTunnel();
  relay.tell({ kind: 'dial-failed', generation: 1, endpoint: first, code: 'ECONNREFUSED', count: 1 });
  relay.tell({ kind: 'suspect-reply', generation: 1, endpoint: first, word: 'READONLY' });
  relay.tell({ kind: 'dial-failed', generation: 1, endpoint: first, code: 'EMFILE', count: 1 });
  assert.deepEqual(watch.suspected, [first, first]);
  assert.equal(relay.routes.length, 1, 'a hint moves nobody');
  await tunnel.close();
});

test('Tunnel has a server probed after it dropped clients, once for all that it dropped before the probe', async () => {
  const { tunnel, relay, watch } = await openTunnel();
  let answer = (): void => undefined;
  watch.answer = new Promise((resolve) => (answer = resolve));
  const drop = (client: number): void => {
    relay.tell({ kind: 'dropped', generation: 1, endpoint: first, client });
  };
  drop(1);
  drop(2);
  drop(3);
  await settled();
  const alive = (): unknown[] =>
    relay.commands.flatMap((command) => (command.kind === 'trust' ? [command.clients] : []));
  assert.deepEqual([watch.verified.length, alive()], [1, []], 'nothing is said before the answer');
  answer();
  await settled();
  assert.deepEqual(
    [watch.verified, alive()],
    [
      [first, first],
      [[1], [2, 3]],
    ],
  );
  await tunnel.close();
});

test('Tunnel makes clients wait while an operator holds it, and connects them on release', async () => {
  const { tunnel, relay, watch, log } = await openTunnel();
  tunnel.hold(60_000, 'maintenance');
  assert.deepEqual(relay.routes.at(-1), { kind: 'hold', generation: 1, reason: 'maintenance' });
  assert.equal(tunnel.overview().hold?.reason, 'maintenance');
  watch.turn(2, serving(second));
  assert.deepEqual(
    relay.routes.at(-1),
    { kind: 'hold', generation: 2, reason: 'maintenance' },
    'a move cuts the sessions of before all the same',
  );
  assert.equal(tunnel.release(), true);
  assert.deepEqual(relay.routes.at(-1), { kind: 'serve', generation: 2, endpoint: second });
  assert.equal(tunnel.release(), false);
  assert.deepEqual(
    log.names.filter((event) => event.startsWith('database.')),
    ['database.held', 'database.released'],
  );
  await tunnel.close();
});

test('Tunnel ends the hold of an operator when it expires', async (t) => {
  const clock = stopClock(t);
  const { tunnel, relay } = await openTunnel();
  tunnel.hold(5_000, 'maintenance');
  clock.pass(4_999);
  assert.equal(relay.routes.at(-1)?.kind, 'hold');
  clock.pass(1);
  assert.equal(relay.routes.at(-1)?.kind, 'serve');
  await tunnel.close();
});

test('Tunnel applies limits, rules and listeners of another configuration, and cuts no session', async () => {
  const [kept, gone, added] = [listenerAt(), listenerAt(7_001), listenerAt(7_002)];
  const { tunnel, relay, watch } = await openTunnel({ listen: [kept, gone] });
  const [stays] = relay.listeners;
  await tunnel.adjust(
    databaseOf(name, {
      ...{ listen: [kept, added], holdMs: 77, maxConnections: 7 },
      ...{ failover: 'announced', onSentinelLoss: 'refuse' },
    }),
  );
  assert.deepEqual(relay.listeners, [stays], 'what another may want is free before anything opens');
  await tunnel.extend();
  assert.deepEqual(
    relay.listening.map((address) => address.kind === 'tcp' && address.port),
    [40_000, 7_002],
  );
  const [, limits, ...more] = relay.commands;
  assert.equal(limits?.kind === 'limits' && limits.limits.holdMs, 77);
  assert.equal(limits?.kind === 'limits' && limits.limits.maxConnections, 7);
  assert.deepEqual(more, []);
  assert.deepEqual(watch.rules.failover, 'announced');
  assert.deepEqual(watch.rules.onSentinelLoss, 'refuse');
  assert.equal(watch.renewals, 0, 'the servers are reached as before');
  await tunnel.adjust(databaseOf(name, { redis: { port: 6380 } }));
  assert.equal(watch.renewals, 1);
  await tunnel.close();
});

test('Tunnel opens no listener when it is closed while it opens', async () => {
  for (const end of ['drain', 'close'] as const) {
    const [engine, sentinels] = [new FakeEngine(), new FakeSentinels()];
    const tunnel = new Tunnel(databaseOf(name), sentinels.sentinels, new RecordedLog());
    let opened = (): void => undefined;
    engine.opening = new Promise((resolve) => (opened = resolve));
    const opening = tunnel.open(engine);
    await tunnel[end]();
    opened();
    assert.deepEqual(await opening, []);
    assert.equal(engine.of(name).isClosed, true, end);
    assert.deepEqual(engine.of(name).listeners, []);
    await tunnel.close();
  }
});

test('Tunnel opens no listener while it drains, and drains until the last client has ended', async () => {
  const { tunnel, relay, watch } = await openTunnel();
  let ended = (): void => undefined;
  relay.draining = new Promise((resolve) => (ended = resolve));
  let isDrained = false;
  const drained = tunnel.drain().then(() => (isDrained = true));
  await tunnel.adjust(databaseOf(name, { listen: [listenerAt(), listenerAt(7_001)] }));
  await tunnel.extend();
  assert.equal(relay.listeners.length, 1);
  watch.turn(2, serving(second));
  assert.equal(relay.routes.at(-1)?.generation, 2, 'clients of an old master are cut while it drains');
  await settled();
  assert.equal(isDrained, false);
  ended();
  await drained;
  await tunnel.close();
});

test('Tunnel stops watching when it closes, and leaves no timer of its hold', async (t) => {
  const clock = stopClock(t);
  const { tunnel, relay, watch } = await openTunnel();
  tunnel.hold(1_000, 'maintenance');
  await tunnel.close();
  assert.equal(watch.isClosed, true);
  const commands = relay.commands.length;
  clock.pass(2_000);
  assert.equal(relay.commands.length, commands);
});

test('Tunnel cuts every client for an operator, and returns how many', async () => {
  const { tunnel, relay, log } = await openTunnel();
  relay.counted = { ...relay.counted, open: 12 };
  assert.equal(await tunnel.cut(), 12);
  assert.deepEqual(log.fieldsOf('database.cut'), [{ database: name, count: 12 }]);
  await tunnel.close();
});

test('Tunnel refuses a graceful failover while it is held, or not open', async () => {
  const patience = { finishMs: 1_000, maxLagWaitMs: 1_000 };
  const refusal = { code: 'ST_FAILOVER_FAILED' };
  const closed = new Tunnel(databaseOf(name), new FakeSentinels().sentinels, new RecordedLog());
  await assert.rejects(closed.failOverGracefully(patience), refusal);
  await closed.close();
  const { tunnel, log } = await openTunnel();
  tunnel.hold(60_000, 'maintenance');
  await assert.rejects(tunnel.failOverGracefully(patience), refusal);
  assert.deepEqual(log.fieldsOf('failover.ordered'), []);
  await tunnel.close();
});

test('Tunnel shows its listeners as closed before it has opened them, and once it ends', async () => {
  const sentinels = new FakeSentinels();
  const tunnel = new Tunnel(databaseOf(name), sentinels.sentinels, new RecordedLog());
  const open = (): boolean[] => tunnel.overview().listeners.map(({ isOpen }) => isOpen);
  assert.deepEqual([open(), tunnel.counters(), tunnel.listening], [[false], undefined, []]);
  await tunnel.open(new FakeEngine());
  assert.deepEqual([open(), tunnel.listening.length], [[true], 1]);
  await tunnel.drain();
  assert.deepEqual(open(), [false]);
  await tunnel.close();
});
