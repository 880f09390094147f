import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { TunnelError } from '../../src/errors.ts';
import { RoleProbe, whyUnusable } from '../../src/redis/probe.ts';
import type { Role } from '../../src/redis/role.ts';
import { eventually, FakeRedis, freePort, FullBacklog, patienceMs, withoutLeaks } from '../support/index.ts';

const pace = { everyMs: 5, masterEveryMs: 5, silentMs: 200, retryMs: 20 };
/** Where nobody is silent, so that nobody is taken for it who is merely slow. */
const patient = { ...pace, silentMs: patienceMs };

/** Since then, one try after the other; a timer may ring a millisecond early. */
function mostTries(startedMs: number): number {
  return 2 + (performance.now() - startedMs) / (pace.retryMs - 1);
}

function say(role: Role): string {
  return 'why' in role ? `${role.kind}: ${role.why}` : role.kind;
}

test('a probe tells every answer, and a promotion within milliseconds', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start({ role: 'slave' });
    const told: string[] = [];
    const probe = new RoleProbe(redis, patient, { onRole: (role) => told.push(say(role)) });
    await eventually(() => told.length > 3);
    redis.role = 'master';
    await eventually(() => told.at(-1) === 'master');
    redis.server.cutAll(); // as Sentinel does to the clients of a server it has just promoted
    const before = told.length;
    await eventually(() => told.length > before + 3);
    assert.deepEqual([...new Set(told)], ['replica', 'master']);
    probe.close();
  });
});

test('a probe asks a silent server one question and waits, and hears it when it wakes', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start({ answer: () => 'hang' });
    const told: string[] = [];
    const probe = new RoleProbe(redis, pace, { onRole: (role) => told.push(say(role)) });
    await eventually(() => told.length > 0);
    await sleep(500);
    assert.deepEqual(told, ['unusable: silent for 200 ms']);
    assert.equal(redis.count('ROLE'), 1);
    for (const connection of redis.server.connections) connection.send('*3\r\n$6\r\nmaster\r\n:1\r\n*0\r\n');
    await eventually(() => told.at(-1) === 'master');
    probe.close();
  });
});

test('a probe tells a server that refuses, or does not accept, without a hot loop', async () => {
  await withoutLeaks(async () => {
    const told: string[] = [];
    const nobody = { host: '127.0.0.1', port: await freePort() };
    const startedMs = performance.now();
    const refusing = new RoleProbe(nobody, patient, { onRole: (role) => told.push(say(role)) });
    await eventually(() => told.length > 5);
    refusing.close();
    assert.ok(told.length <= mostTries(startedMs), `${String(told.length)} tries`);
    assert.deepEqual([...new Set(told)], ['unusable: connection refused (ECONNREFUSED)']);

    await using blackhole = await FullBacklog.start();
    told.length = 0;
    const hanging = new RoleProbe(blackhole, pace, { onRole: (role) => told.push(say(role)) });
    await eventually(() => told.length > 0);
    hanging.close();
    assert.match(told[0] ?? '', /^unusable: .* has not accepted a connection within 200 ms$/);
  });
});

test('a probe does not spin on a server that closes after each answer', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start({
      answer: (_, connection) => {
        connection.send('-ERR max number of clients reached\r\n');
        return 'close';
      },
    });
    const told: string[] = [];
    const startedMs = performance.now();
    const probe = new RoleProbe(redis, patient, { onRole: (role) => told.push(say(role)) });
    await eventually(() => redis.accepted > 5);
    probe.close();
    assert.ok(redis.accepted <= mostTries(startedMs), `${String(redis.accepted)} connections`);
    assert.equal(told[0], 'unverifiable: ERR max number of clients reached');
  });
});

test('a probe that is closed tells nothing more', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    let told = 0;
    const probe = new RoleProbe(redis, pace, {
      onRole: () => {
        told += 1;
        if (told === 3) probe.close();
      },
    });
    await eventually(() => told === 3);
    await sleep(50);
    assert.equal(told, 3);
  });
});

test('a server that has answered and now resets connections is at its end, and wants no TLS', () => {
  const text = 'Cannot reach a:1: ECONNRESET before it said anything: does this port want TLS?';
  const cause = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  const error = new TunnelError('ST_REDIS_UNREACHABLE', text, { cause });
  assert.equal(whyUnusable(error), text);
  assert.equal(whyUnusable(error, true), 'connection reset (ECONNRESET)');
});
