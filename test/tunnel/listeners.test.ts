import assert from 'node:assert/strict';
import { test } from 'node:test';
import { TunnelError } from '../../src/errors.ts';
import type { ListenerConfig } from '../../src/config/types.ts';
import type { ServerTls } from '../../src/net/tls.ts';
import { Secret } from '../../src/net/secret.ts';
import { Listeners } from '../../src/tunnel/listeners.ts';
import { RecordedLog, settled, stopClock } from '../support/index.ts';
import { databaseOf, listenerAt } from './databases.ts';
import { FakeEngine, type FakeEngineTunnel } from './fake-engine.ts';

interface Rig {
  readonly listeners: Listeners;
  readonly engine: FakeEngine;
  readonly relay: FakeEngineTunnel;
  readonly log: RecordedLog;
  readonly ports: () => readonly unknown[];
}

async function openRig(handed = new Map<ListenerConfig, number>()): Promise<Rig> {
  const [engine, log] = [new FakeEngine(), new RecordedLog()];
  const spec = { ...databaseOf('mymaster'), listen: [], reportsSessions: false };
  await engine.open(spec, () => undefined);
  const relay = engine.of('mymaster');
  const listeners = new Listeners('mymaster', relay, log, handed);
  const ports = (): readonly unknown[] =>
    relay.listening.map((address) => (address.kind === 'tcp' ? address.port : address.path));
  return { listeners, engine, relay, log, ports };
}

const one = listenerAt(7_001);
const two = listenerAt(7_002);
const three = listenerAt(7_003);

test('Listeners opens each configured listener once, also when open() is repeated', async () => {
  const { listeners, log, ports } = await openRig();
  assert.deepEqual(await listeners.open([one, two]), []);
  assert.deepEqual(await listeners.open([one, two, three]), []);
  assert.deepEqual(ports(), [7_001, 7_002, 7_003]);
  assert.deepEqual(
    log.fieldsOf('listener.opened').map(({ address }) => address),
    ['127.0.0.1:7001', '127.0.0.1:7002', '127.0.0.1:7003'],
  );
});

test('Listeners opens two equal listeners whose ports the kernel chooses', async () => {
  const { listeners, ports } = await openRig();
  await listeners.open([listenerAt(), listenerAt()]);
  await listeners.keep([listenerAt(), listenerAt()]);
  assert.deepEqual(ports(), [40_000, 40_001]);
  await listeners.keep([listenerAt()]);
  assert.deepEqual(ports(), [40_000]);
});

test('Listeners keeps the others open when one fails, and reports why', async () => {
  const { listeners, engine, log, ports } = await openRig();
  engine.taken.add('127.0.0.1:7002');
  const failures = await listeners.open([one, two, three]);
  assert.deepEqual(
    failures.map(({ code, message }) => [code, message]),
    [['ST_LISTEN_FAILED', 'Cannot listen on "127.0.0.1:7002": the address is in use']],
  );
  assert.deepEqual(ports(), [7_001, 7_003]);
  assert.deepEqual(
    listeners.views().map(({ isOpen, trouble }) => [isOpen, trouble]),
    [
      [true, undefined],
      [false, 'the address is in use'],
      [true, undefined],
    ],
  );
  assert.deepEqual(log.fieldsOf('listener.failed'), [
    { database: 'mymaster', address: '127.0.0.1:7002', reason: 'the address is in use' },
  ]);
  await listeners.end();
});

test('Listeners retries until the address is free, and logs the same failure once', async (t) => {
  const clock = stopClock(t);
  const { listeners, engine, log, ports } = await openRig();
  engine.taken.add('127.0.0.1:7001');
  await listeners.open([one]);
  for (let tries = 0; tries < 6; tries += 1) {
    clock.pass(10_000);
    await settled();
  }
  assert.deepEqual(ports(), []);
  assert.equal(log.fieldsOf('listener.failed').length, 1);
  engine.taken.clear();
  clock.pass(10_000);
  await settled();
  assert.deepEqual(ports(), [7_001]);
  assert.deepEqual(
    listeners.views().map(({ isOpen, trouble }) => [isOpen, trouble]),
    [[true, undefined]],
  );
});

test('Listeners logs a failure again when the reason changes', async (t) => {
  const clock = stopClock(t);
  const { listeners, relay, log } = await openRig();
  let reason = 'the address is in use';
  relay.listen = () =>
    Promise.reject(new TunnelError('ST_LISTEN_FAILED', `Cannot listen on "127.0.0.1:7001": ${reason}`));
  await listeners.open([one]);
  reason = 'permission denied';
  clock.pass(500);
  await settled();
  assert.deepEqual(
    log.fieldsOf('listener.failed').map((fields) => fields['reason']),
    ['the address is in use', 'permission denied'],
  );
  await listeners.end();
});

test('Listeners stops retrying a removed listener, and all of them after end()', async (t) => {
  const clock = stopClock(t);
  const { listeners, engine, ports } = await openRig();
  engine.taken.add('127.0.0.1:7001').add('127.0.0.1:7002');
  await listeners.open([one, two]);
  await listeners.keep([two]);
  engine.taken.delete('127.0.0.1:7001');
  clock.pass(10_000);
  await settled();
  assert.deepEqual(ports(), []);
  await listeners.end();
  engine.taken.clear();
  clock.pass(10_000);
  await settled();
  assert.deepEqual(ports(), []);
});

test('Listeners closes a listener that was removed while it opened, and does not report it as open', async () => {
  const { listeners, relay, log, ports } = await openRig();
  let bound = (): void => undefined;
  relay.binding = new Promise((resolve) => (bound = resolve));
  const opening = listeners.open([one]);
  const kept = listeners.keep([]);
  bound();
  await Promise.all([opening, kept]);
  assert.deepEqual(ports(), []);
  assert.deepEqual(log.names, []);
});

test('Listeners logs nothing for a listener whose tunnel closed while it opened', async () => {
  const { listeners, relay, log } = await openRig();
  let bound = (): void => undefined;
  relay.binding = new Promise((resolve) => (bound = resolve));
  const opening = listeners.open([one]);
  relay.apply({ kind: 'close' });
  bound();
  assert.deepEqual(await opening, []);
  assert.deepEqual(log.names, []);
});

test('Listeners closes removed and changed listeners, and keeps the rest', async () => {
  const { listeners, log, relay, ports } = await openRig();
  await listeners.open([one, two, three]);
  const [kept] = relay.listeners;
  await listeners.keep([one, { ...three, allow: ['10.0.0.0/8'] }]);
  assert.deepEqual(relay.listeners, [kept]);
  assert.deepEqual(
    log.fieldsOf('listener.closed').map(({ address }) => address),
    ['127.0.0.1:7002', '127.0.0.1:7003'],
  );
  await listeners.open([one, { ...three, allow: ['10.0.0.0/8'] }]);
  assert.deepEqual(ports(), [7_001, 7_003]);
});

function tlsWith(cert: string): ServerTls {
  return { identity: { cert, key: new Secret('a key') }, allowNames: [], minVersion: 'TLSv1.2' };
}

test('Listeners replaces certificates in place, and closes a listener when TLS is added or removed', async () => {
  const { listeners, relay, log } = await openRig();
  const before = listenerAt(7_001, { tls: tlsWith('before') });
  const after = listenerAt(7_001, { tls: tlsWith('after') });
  await listeners.open([before]);
  const [open] = relay.listeners;
  await listeners.keep([after]);
  assert.deepEqual(open?.renewed, [after]);
  assert.deepEqual(log.fieldsOf('listener.closed'), []);
  await listeners.keep([one]);
  assert.deepEqual(relay.listeners, []);
});

test('Listeners uses a handed-over socket for the first attempt only', async (t) => {
  const clock = stopClock(t);
  const { listeners, engine, relay, log } = await openRig(new Map([[one, 3]]));
  await listeners.open([one]);
  assert.deepEqual([...relay.handed], [['127.0.0.1:7001', 3]]);
  assert.equal(log.fieldsOf('listener.opened')[0]?.['handed'], true);

  const refused = await openRig(new Map([[two, 4]]));
  refused.engine.taken.add('127.0.0.1:7002');
  await refused.listeners.open([two]);
  refused.engine.taken.clear();
  clock.pass(500);
  await settled();
  assert.deepEqual([...refused.relay.handed], [], 'a descriptor belongs to the engine from the first try on');
  assert.deepEqual(refused.ports(), [7_002]);
  assert.ok(engine.taken.size === 0);
});

test('Listeners warns of an address that every host can reach, and of no other', async () => {
  const { listeners, log } = await openRig();
  const open = { kind: 'tcp', host: '0.0.0.0' } as const;
  await listeners.open([
    { ...one, address: { ...open, port: 7_101 } },
    { ...one, address: { ...open, port: 7_102 }, allow: ['10.0.0.0/8'] },
    { ...one, address: { ...open, port: 7_103 }, tls: { ...tlsWith('a'), clientCa: 'a CA' } },
    { ...one, address: { ...open, port: 7_104 }, tls: tlsWith('a') },
    { ...one, address: { kind: 'unix', path: '/run/st.sock' } },
    one,
  ]);
  assert.deepEqual(
    log.fieldsOf('listener.exposed').map(({ address }) => address),
    ['0.0.0.0:7101', '0.0.0.0:7104'],
  );
});
