import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { test } from 'node:test';
import { TunnelError } from '../../src/errors.ts';
import { RoleProbe, whyUnusable } from '../../src/redis/probe.ts';
import type { Role } from '../../src/redis/role.ts';
import { eventually, FakeRedis, freePort, FullBacklog, patienceMs, withoutLeaks } from '../support/index.ts';

const pace = { everyMs: 5, masterEveryMs: 5, silentMs: 200, retryMs: 20 };
/** Where unused is silent: a slow server is not taken for a silent one. */
const patient = { ...pace, silentMs: patienceMs };

/** Since then, one try after the other; a timer may ring a millisecond early. */
function mostTries(startedMs: number): number {
  return 2 + (performance.now() - startedMs) / (pace.retryMs - 1);
}

function say(role: Role): string {
  return 'why' in role ? `${role.kind}: ${role.why}` : role.kind;
}

test('a probe reports every answer, and a promotion within milliseconds', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start({ role: 'slave' });
    const reported: string[] = [];
    const probe = new RoleProbe(redis, patient, { onRole: (role) => reported.push(say(role)) });
    await eventually(() => reported.length > 3);
    redis.role = 'master';
    await eventually(() => reported.at(-1) === 'master');
    redis.server.cutAll(); // as Sentinel does to the clients of a server it has just promoted
    const before = reported.length;
    await eventually(() => reported.length > before + 3);
    assert.deepEqual([...new Set(reported)], ['replica', 'master']);
    probe.close();
  });
});

test('a probe sends a silent server one command, and gets the reply when it wakes', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start({ answer: () => 'hang' });
    const reported: string[] = [];
    const probe = new RoleProbe(redis, pace, { onRole: (role) => reported.push(say(role)) });
    await eventually(() => reported.length > 0);
    await sleep(500);
    assert.deepEqual(reported, ['unusable: silent for 200 ms']);
    assert.equal(redis.count('ROLE'), 1);
    for (const connection of redis.server.connections) connection.send('*3\r\n$6\r\nmaster\r\n:1\r\n*0\r\n');
    await eventually(() => reported.at(-1) === 'master');
    probe.close();
  });
});

test('a probe reports a server that refuses or does not accept, without a hot loop', async () => {
  await withoutLeaks(async () => {
    const reported: string[] = [];
    const unused = { host: '127.0.0.1', port: await freePort() };
    const startedMs = performance.now();
    const refusing = new RoleProbe(unused, patient, { onRole: (role) => reported.push(say(role)) });
    await eventually(() => reported.length > 5);
    refusing.close();
    assert.ok(reported.length <= mostTries(startedMs), `${String(reported.length)} tries`);
    assert.deepEqual([...new Set(reported)], ['unusable: connection refused (ECONNREFUSED)']);

    await using blackhole = await FullBacklog.start();
    reported.length = 0;
    const hanging = new RoleProbe(blackhole, pace, { onRole: (role) => reported.push(say(role)) });
    await eventually(() => reported.length > 0);
    hanging.close();
    assert.match(reported[0] ?? '', /^unusable: .* has not accepted a connection within 200 ms$/);
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
    const reported: string[] = [];
    const startedMs = performance.now();
    const probe = new RoleProbe(redis, patient, { onRole: (role) => reported.push(say(role)) });
    await eventually(() => redis.accepted > 5);
    probe.close();
    assert.ok(redis.accepted <= mostTries(startedMs), `${String(redis.accepted)} connections`);
    assert.equal(reported[0], 'unverifiable: ERR max number of clients reached');
  });
});

test('a closed probe reports nothing', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    let reported = 0;
    const probe = new RoleProbe(redis, pace, {
      onRole: () => {
        reported += 1;
        if (reported === 3) probe.close();
      },
    });
    await eventually(() => reported === 3);
    await sleep(50);
    assert.equal(reported, 3);
  });
});

test('whyUnusable() suggests TLS for a reset only if the server has never answered', () => {
  const text = 'Cannot reach a:1: ECONNRESET before it said anything: does this port want TLS?';
  const cause = Object.assign(new Error('read ECONNRESET'), { code: 'ECONNRESET' });
  const error = new TunnelError('ST_REDIS_UNREACHABLE', text, { cause });
  assert.equal(whyUnusable(error), text);
  assert.equal(whyUnusable(error, true), 'connection reset (ECONNRESET)');
});
