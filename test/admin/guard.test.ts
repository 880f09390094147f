import assert from 'node:assert/strict';
import { connect } from 'node:net';
import { test } from 'node:test';
import { ask, eventually, withoutLeaks } from '../support/index.ts';
import { Secret } from '../../src/net/secret.ts';
import { overviewOf, serving, Stage, token, tunnelWith } from './stage.ts';

const bearer = { authorization: `Bearer ${token}` };

test('only names of the listener are answered', async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open({ hosts: ['tunnel.example'] });
    const { where } = stage;
    for (const host of [
      `127.0.0.1:${where}`,
      'localhost',
      'LOCALHOST:9121',
      '[::1]:9121',
      'Tunnel.Example:80',
    ])
      assert.equal((await ask(where, '/status', { headers: { host } })).status, 200, host);
    for (const host of ['attacker.example', '127.0.0.1.attacker.example', '10.0.0.1'])
      assert.equal((await ask(where, '/status', { headers: { host } })).status, 421, host);
    const { text } = await ask(where, '/livez', { headers: { host: 'attacker.example' } });
    assert.match(text, /admin\.hosts/);
  });
});

test('pages of other origins are refused, and a link that leads here is not', async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open();
    const { where } = stage;
    const own = `127.0.0.1:${where}`;
    const status = async (path: string, headers: Readonly<Record<string, string>>): Promise<number> =>
      (await ask(where, path, { headers })).status;
    assert.equal(await status('/status', { origin: `http://${own}` }), 200);
    assert.equal(await status('/status', { origin: `http://${own}`, 'sec-fetch-site': 'same-origin' }), 200);
    assert.equal(await status('/status', { 'sec-fetch-site': 'none' }), 200);
    for (const origin of ['https://attacker.example', 'null', `https://${own}`, 'http://127.0.0.1:1'])
      assert.equal(await status('/status', { origin }), 403, origin);
    for (const site of ['cross-site', 'same-site']) {
      assert.equal(await status('/status', { 'sec-fetch-site': site }), 403, site);
      const link = { 'sec-fetch-site': site, 'sec-fetch-mode': 'navigate' };
      assert.equal(await status('/', { ...link, 'sec-fetch-dest': 'document' }), 200);
      assert.equal(await status('/', { ...link, 'sec-fetch-dest': 'iframe' }), 403);
    }
    const { headers } = await ask(where, '/status');
    assert.equal(headers['access-control-allow-origin'], undefined);
  });
});

test('a token is asked for by everything but the probes and the page', async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open({ token: new Secret(token) });
    const { where } = stage;
    for (const path of ['/livez', '/readyz', '/startupz', '/'])
      assert.equal((await ask(where, path)).status, 200, path);
    for (const path of ['/status', '/failovers', '/events', '/metrics']) {
      const { status, headers, text } = await ask(where, path);
      assert.equal(status, 401, path);
      assert.equal(headers['www-authenticate'], 'Bearer realm="sentinel-tunnel"');
      assert.ok(!text.includes(token));
    }
    for (const authorization of ['Bearer', 'Bearer wrong', `Basic ${token}`, `Bearer ${token}x`, token])
      assert.equal((await ask(where, '/status', { headers: { authorization } })).status, 401, authorization);
    assert.equal((await ask(where, '/status', { headers: bearer })).status, 200);
    assert.ok(!(await ask(where, '/status', { headers: bearer })).text.includes(token));
  });
});

test('without a token nobody acts, and with one only who has it', async () => {
  await withoutLeaks(async () => {
    await using open = await Stage.open();
    const refused = await ask(open.where, '/reload', { method: 'POST', headers: bearer });
    assert.equal(refused.status, 403);
    assert.match(
      refused.text,
      /running configuration has no \\"admin\.token\\"; if the file has one now, reload \(SIGHUP/,
    );
    const bare = await ask(open.where, '/reload', { method: 'POST' });
    assert.match(bare.text, /configure \\"admin\.token\\" or .*, and reload \(SIGHUP\)/);

    await using stage = await Stage.open({ token: new Secret(token) });
    const reloads: string[] = [];
    assert.equal((await ask(stage.where, '/reload', { method: 'POST', headers: bearer })).status, 501);
    stage.daemon.reload = () => Promise.resolve([`change ${reloads.push('reload')}`]);
    assert.equal((await ask(stage.where, '/reload', { method: 'POST' })).status, 401);
    assert.equal((await ask(stage.where, '/reload', { headers: bearer })).status, 404);
    assert.deepEqual(reloads, []);
    const done = await ask(stage.where, '/reload', { method: 'POST', headers: bearer });
    assert.deepEqual(done.json(), { version: 1, changes: ['change 1'] });
    assert.deepEqual(stage.daemon.logged.at(-1), {
      event: 'admin.acted',
      fields: { who: '127.0.0.1', action: 'reload' },
    });
  });
});

test('actions reach the database that is named, with what is wished', async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open({ token: new Secret(token) });
    stage.daemon.shown = overviewOf([tunnelWith(serving, { name: 'db1@internal' })]);
    const post = async (path: string, body = ''): Promise<readonly [number, unknown]> => {
      const answer = await ask(stage.where, path, { method: 'POST', headers: bearer, body });
      return [answer.status, answer.json()];
    };
    const path = '/databases/db1%40internal';
    const hold = { since: 'then', until: 'later', reason: 'held by an operator', holdMs: 10_000 };
    assert.deepEqual(await post(`${path}/hold`), [200, { version: 1, hold }]);
    assert.deepEqual(await post(`${path}/hold`, '{"forMs": 5000}'), [200, { version: 1, hold }]);
    assert.deepEqual(await post(`${path}/release`), [200, { version: 1, released: true }]);
    assert.deepEqual(await post(`${path}/cut`, '{}'), [200, { version: 1, cut: 4 }]);
    assert.deepEqual(await post(`${path}/failover`), [
      409,
      { error: 'INPROG Failover already in progress', code: 'ST_SENTINEL_REPLY_ERROR' },
    ]);
    assert.deepEqual(stage.daemon.acted, [
      'hold db1@internal 600000',
      'hold db1@internal 5000',
      'release db1@internal',
      'cut db1@internal',
      'failover db1@internal',
    ]);
    for (const body of ['{', '[]', '{"forMs": 0}', '{"forMs": 1e12}', '{"formMs": 1}', '{"forMs": "1"}'])
      assert.equal((await post(`${path}/hold`, body))[0], 400, body);
    for (const body of [
      ...[
        '{"graceful": 1}',
        '{"force": "x"}',
        '{"graceful": true, "force": true}',
        '{"finishMs": 5}',
        '{"graceful": true, "finishMs": 60000}',
      ],
      ...['{"maxLagWaitMs": 5}', '{"graceful": true, "maxLagWaitMs": 60001}'],
    ])
      assert.equal((await post(`${path}/failover`, body))[0], 400, body);
    assert.equal((await post(`${path}/failover`, '{"graceful": true, "finishMs": 50}'))[0], 409);
    assert.equal(stage.daemon.acted.pop(), 'graceful db1@internal 50 3000');
    assert.equal((await post('/databases/other/cut'))[0], 404);
    assert.equal((await post(`${path}/drop`))[0], 404);
    assert.equal(stage.daemon.acted.length, 5);
    const open = await Stage.open();
    const refused = await ask(open.where, '/databases/mymaster/cut', { method: 'POST' });
    await open[Symbol.asyncDispose]();
    assert.equal(refused.status, 403);
    assert.deepEqual(open.daemon.acted, []);
  });
});

test('every answer, a refusal too, says how it may be used', async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open();
    for (const [path, host] of [
      ['/', 'localhost'],
      ['/livez', 'localhost'],
      ['/nothing', 'localhost'],
      ['/', 'x.example'],
    ] as const) {
      const { headers } = await ask(stage.where, path, { headers: { host } });
      assert.match(String(headers['content-security-policy']), /default-src 'none'.*frame-ancestors 'none'/);
      assert.equal(headers['x-content-type-options'], 'nosniff');
      assert.equal(headers['cache-control'], 'no-store');
    }
  });
});

test('requests that are too large or never end are ended', async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open({ token: new Secret(token) });
    const { where } = stage;
    const large = await ask(where, '/reload', { method: 'POST', headers: bearer, body: 'x'.repeat(5000) });
    assert.equal(large.status, 413);
    assert.equal((await ask(where, '/livez', { headers: { 'x-much': 'x'.repeat(9000) } })).status, 431);
    const slow = connect(Number(where), '127.0.0.1');
    const end = new Promise((resolve) => slow.on('close', resolve));
    slow.on('error', () => undefined);
    slow.resume();
    slow.write('GET /livez HTTP/1.1\r\nHost: localhost\r\nX-Slow: ');
    const begunMs = performance.now();
    await end;
    assert.ok(performance.now() - begunMs < 30_000); // that of Node is a minute
  });
});

test('more connections than are meant to be are not kept', async () => {
  await withoutLeaks(async () => {
    await using stage = await Stage.open();
    const sockets = Array.from({ length: 80 }, () => connect(Number(stage.where), '127.0.0.1'));
    let closed = 0;
    for (const socket of sockets) {
      socket.on('error', () => undefined);
      socket.resume();
      socket.on('close', () => (closed += 1));
    }
    await eventually(() => closed >= 16 || undefined);
    for (const socket of sockets) socket.destroy();
    await eventually(async () => (await ask(stage.where, '/livez')).status === 200);
  });
});
