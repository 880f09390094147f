import assert from 'node:assert/strict';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { printable, printableJson, printableLines } from '../../src/printable.ts';
import { refusalLine } from '../../src/net/refusal-reply.ts';
import {
  ask,
  awaitServing,
  cannotRun,
  eventually,
  FakeRedis,
  FakeSentinel,
  NotifyReceiver,
  TunnelProcess,
  withoutLeaks,
} from '../support/index.ts';
import { fc } from '../support/properties.ts';
import { assertNoTrace, call, inFolder } from './call.ts';

const deadline = { timeout: 120_000 };
/** A name and an answer that hide, turn and break what stands beside them. */
const evil = 'evil\u200b\u202e\u2028\u2029\u{e0001}x';
const error = `-ERR ${evil}\u009b2J\u001b[2J\r\n`;
const token = 'a-token-of-the-tests';

/** Line breaks alone are ours. */
function assertPrintable(text: string, what: string): void {
  assert.doesNotMatch(
    text.replaceAll('\n', ''),
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u,
    what,
  );
}

test('what is printed holds nothing that a terminal obeys, and says what was there', () => {
  assert.equal(printable('a\u001b\n\u202e\u{e0001}b'), 'a\\x1b\\x0a\\u202e\\u{e0001}b');
  assert.equal(printableLines('a\n\u001bb'), 'a\n\\x1bb');
  assert.equal(refusalLine('a\r\n-b\u202e'), '-LOADING sentinel-tunnel: a -b\\u202e\r\n');
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      assertPrintable(printable(text), 'text');
      assert.ok(!printable(text).includes('\n'));
      assertPrintable(printableLines(text), 'lines');
      assertPrintable(printableJson([text, { [text]: text }]), 'JSON');
      assert.deepEqual(JSON.parse(printableJson([text, { [text]: text }])), [text, { [text]: text }]);
    }),
  );
});

test('commands that ask Sentinels print nothing of what they say as it is', deadline, async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using sentinel = await FakeSentinel.start({
      masters: { [evil]: { host: redis.host, port: redis.port, flags: `master,${evil}` } },
    });
    await using denying = await FakeSentinel.start({ answer: () => ({ raw: error }) });
    await using broken = await FakeRedis.start({ answer: () => ({ raw: error }) });
    await using misled = await FakeSentinel.start({
      masters: { [evil]: { host: broken.host, port: broken.port } },
    });
    await inFolder(async (dir) => {
      const file = join(dir, 'written.yaml');
      const bad = join(dir, 'bad.yaml');
      const other = join(dir, 'other.json');
      await writeFile(
        bad,
        `sentinels: [a]\n"${evil}": 1\ndatabases:\n  - name: "${evil}\u0001"\n    listen: "${evil}"\n`,
      );
      await writeFile(
        other,
        JSON.stringify({
          sentinels: [sentinel.seed, denying.seed, misled.seed],
          databases: [
            { name: evil, listen: 0 },
            { name: `${evil}2`, listen: 0 },
          ],
        }),
      );
      const written = await call(['init', '--sentinel', sentinel.seed, '--output', file]);
      assert.equal(written.code, 0, written.stderr);
      assertPrintable(await readFile(file, 'utf8'), 'what init writes');
      for (const args of [
        ['init', '--sentinel', sentinel.seed],
        ['init', '--sentinel', denying.seed],
        ['init', '--sentinel', misled.seed],
        ['check', '--config', file],
        ['check', '--config', other],
        ['check', '--config', other, '--against', file],
        ['check', '--config', bad],
        ['check', '--config', `${dir}/${evil}`],
        ['check', '--sentinel', evil, '--database', `${evil}=${evil}`],
        ['doctor', '--config', file],
        ['doctor', '--config', other],
        ['doctor', '--config', other, '--json'],
        ['run', '--config', bad],
        ['run', `--${evil}`],
        ['run', '--config', file, '--log-level', evil],
        [evil],
        [evil, '-', evil],
        ['status', '--admin', evil],
        ['status', '--admin', '127.0.0.1:1', '--token-file', evil],
        ['events', '--level', evil],
        ['failovers', '--last', evil],
        ['health', '--admin', `unix:/${evil}`],
      ]) {
        const called = await call(args);
        assertPrintable(called.stdout, args.join(' '));
        assertPrintable(called.stderr, args.join(' '));
        assert.match(
          called.stdout + called.stderr,
          /evil\\u200b\\u202e|expected|Nothing to write/,
          args.join(' '),
        );
        assertNoTrace(called);
      }
    });
  });
});

test('a tunnel whose databases have such names prints none of them as it is', deadline, async (t) => {
  const whyNot = cannotRun('python3');
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using sentinel = await FakeSentinel.start({
      masters: { [evil]: { host: redis.host, port: redis.port } },
    });
    await using manager = whyNot === false ? await NotifyReceiver.start() : undefined;
    const config = {
      sentinels: [sentinel.seed],
      databases: [
        { name: evil, listen: 0 },
        { name: `${evil}2`, listen: 0 },
      ],
      admin: { listen: '127.0.0.1:0', token },
    };
    await using tunnel = await TunnelProcess.start({
      config,
      ...(manager && { env: { NOTIFY_SOCKET: manager.address } }),
    });
    await awaitServing(tunnel, evil);
    const admin = `127.0.0.1:${String(tunnel.adminPort)}`;
    const env = { SENTINEL_TUNNEL_ADMIN_TOKEN: token };
    for (const args of [
      ['status'],
      ['status', evil],
      ['status', 'none'],
      ['status', '--json'],
      ['top', '--interval', '0.1'],
      ['cut', evil],
      ['hold', evil],
      ['release', evil],
      ['failovers', evil],
      ['events'],
      ['events', '--json'],
      ['health', '--ready'],
    ]) {
      const called = await call([...args, '--admin', admin], env);
      assertPrintable(called.stdout + called.stderr, args.join(' '));
      assert.match(called.stdout + called.stderr, /evil\\u200b\\u202e\\u2028/, args.join(' '));
      assertNoTrace(called);
    }
    const headers = { authorization: `Bearer ${token}`, accept: 'application/json' };
    const name = encodeURIComponent(evil);
    for (const [path, method] of [
      ['/status', 'GET'],
      ['/readyz', 'GET'],
      ['/events?last=100', 'GET'],
      [`/failovers?database=${name}3`, 'GET'],
      [`/databases/${name}3/cut`, 'POST'],
      [`/databases/${name}/hold`, 'POST'],
    ] as const) {
      const body = path.endsWith('/hold') ? JSON.stringify({ [evil]: 1 }) : undefined;
      const { text } = await ask(tunnel.adminPort, path, {
        method,
        headers,
        ...(body !== undefined && { body }),
      });
      assertPrintable(text, path);
      assert.match(text, /evil\\u200b\\u202e\\u2028/, path);
    }
    assertPrintable(tunnel.log(), 'the log as JSON');
    await t.test('the service manager', { skip: whyNot }, async () => {
      const told = await eventually(() => manager?.messages.flat().find((text) => text.includes(' at 127')));
      assertPrintable(told, 'the status of the unit');
      assert.match(told, /evil\\u200b/);
    });
    await using pretty = await TunnelProcess.start({
      config: { ...config, admin: 'off' },
      args: ['--log-format', 'pretty'],
      until: 'spawned',
    });
    await eventually(() => pretty.log().includes(': serving '));
    assertPrintable(pretty.log(), 'the log for people');
  });
});

test('a name from the network is never expanded', deadline, async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    const masters = { '${SECRET}': { host: redis.host, port: redis.port } };
    await using sentinel = await FakeSentinel.start({ masters });
    await inFolder(async (dir) => {
      const file = join(dir, 'written.yaml');
      const env = { SECRET: 'hush-hush' };
      const written = await call(['init', '--sentinel', sentinel.seed, '--output', file], env);
      assert.equal(written.code, 0, written.stderr);
      assert.match(written.stderr, /^\$\{SECRET\}: 127\.0\.0\.1:\d+ is its master$/m);
      const checked = await call(['check', '--config', file], env);
      assert.equal(checked.code, 0, checked.stdout);
      assert.ok(!JSON.stringify(sentinel.asked).includes('hush'), JSON.stringify(sentinel.asked));
      assert.ok(sentinel.asked.some((command) => command.includes('${SECRET}')));
      assert.ok(!(checked.stdout + written.stderr).includes('hush'));
    });
  });
});
