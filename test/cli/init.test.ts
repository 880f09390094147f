import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { once } from 'node:events';
import { join } from 'node:path';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/parse.ts';
import { parseText } from '../../src/config/text.ts';
import type { ListenAddress } from '../../src/net/endpoint.ts';
import { Certificates, FakeSentinel, startCluster, withoutLeaks } from '../support/index.ts';
import { assertNoTrace, call, inFolder } from './call.ts';

test('init writes what the Sentinels monitor, check passes it, and nothing is written over unasked', async () => {
  await withoutLeaks(async () => {
    await using cluster = await startCluster({ replicas: 0, sentinels: 3, sentinelPassword: 'hush' });
    await cluster.addMaster('a second one', { replicas: 0 });
    // Whoever is asked by a name is not taken for another one than the address that its peers name.
    const [port = 0] = cluster.sentinels.map((sentinel) => sentinel.port);
    const seed = `localhost:${String(port)}`;
    await inFolder(async (dir) => {
      const file = join(dir, 'tunnel.yaml');
      await writeFile(join(dir, 'password'), 'hush\n', { mode: 0o600 });
      const asked = ['init', '--sentinel', seed, '--password-file', 'password', '--output', file];
      const called = await call(asked, {}, dir);
      assert.equal(called.code, 0, called.stderr);
      assert.equal(called.stdout, '');
      assert.match(called.stderr, /^mymaster: 127\.0\.0\.1:\d+ is its master$/m);
      assert.doesNotMatch(called.stderr, /Warning(?!: the usual admin port)/);

      const text = await readFile(file, 'utf8');
      const [, schema = ''] = /^# yaml-language-server: \$schema=(\/.*\.schema\.json)$/m.exec(text) ?? [];
      assert.ok(existsSync(schema), text);
      assert.doesNotMatch(text, /https?:/);
      const config = parseConfig(parseText(text, file), file);
      assert.deepEqual(
        config.databases.map(({ name }) => name),
        ['a second one', 'mymaster'],
      );
      assert.equal(config.sentinels.length, 3);
      assert.ok(text.includes(`passwordFile: ${join(dir, 'password')}`), text);
      assert.ok(!text.includes('hush'));
      assert.equal(config.sentinels[0]?.host, 'localhost');

      const checked = await call(['check', '--config', file], {}, dir);
      assert.equal(checked.code, 0, checked.stdout);
      assert.equal(checked.stdout.match(/servable: /g)?.length, 2);

      await writeFile(file, 'precious');
      const again = await call(asked, {}, dir);
      assert.equal(again.code, 2);
      assert.match(
        again.stderr,
        /Cannot write ".*": there is such a file already, and --force was not given/,
      );
      assert.equal(await readFile(file, 'utf8'), 'precious');
      assert.equal((await call([...asked, '--force'], {}, dir)).code, 0);
      assert.equal(await readFile(file, 'utf8'), text);
    });
  });
});

test('init writes another admin port where the usual one is taken, and says so', async () => {
  await withoutLeaks(async () => {
    await using cluster = await startCluster({ replicas: 0, sentinels: 1 });
    const holder = createServer();
    holder.on('error', () => undefined); // somebody else has it, which is as good
    holder.listen(9121, '127.0.0.1');
    await Promise.race([once(holder, 'listening'), once(holder, 'error')]);
    try {
      const called = await call(['init', '--sentinel', ...cluster.seeds]);
      assert.equal(called.code, 0, called.stderr);
      const [, said] =
        /Warning: the usual admin port 9121 is taken.*127\.0\.0\.1:(\d+)$/m.exec(called.stderr) ?? [];
      assert.ok(said, called.stderr);
      const { admin } = parseConfig(parseText(called.stdout, 'init'), 'init');
      assert.deepEqual(admin?.listen, { kind: 'tcp', host: '127.0.0.1', port: Number(said) });
      assert.notEqual(said, '9121');
    } finally {
      holder.close();
    }
  });
});

test('init asks a Sentinel in TLS, and finds out whether Redis wants it too', async () => {
  await withoutLeaks(async () => {
    await using certificates = await Certificates.make();
    const { ca, caFile } = certificates;
    const server = await certificates.issue('server');
    await using cluster = await startCluster({ replicas: 0, sentinels: 1, tls: { caFile, ca, server } });
    await inFolder(async (dir) => {
      const file = join(dir, 'tunnel.yaml');
      const asked = ['init', '--sentinel', cluster.seeds[0] ?? ''];
      const called = await call([...asked, '--tls-ca', caFile, '--output', file]);
      assert.equal(called.code, 0, called.stderr);
      assert.match(called.stderr, /^mymaster: 127\.0\.0\.1:\d+ is its master$/m);
      assert.doesNotMatch(called.stderr, /Warning(?!: the usual admin port)/);
      const text = await readFile(file, 'utf8');
      for (const key of ['sentinel', 'redis']) {
        assert.ok(text.includes(`\n${key}:\n  tls:\n    ca: ${caFile}\n`), text);
      }
      const checked = await call(['check', '--config', file]);
      assert.equal(checked.code, 0, checked.stdout);
      assert.match(checked.stdout, /servable: /);

      const untrusted = await call([...asked, '--tls']);
      assert.equal(untrusted.code, 1);
      assert.match(untrusted.stderr, /signed by no CA that is trusted without tls\.ca/);
      const plain = await call(asked);
      assert.equal(plain.code, 1);
      assert.match(plain.stderr, /does this port want TLS\?/);
      for (const failed of [untrusted, plain]) {
        assert.match(failed.stderr, /Nothing to write: no Sentinel answers/);
        assertNoTrace(failed);
      }
    });
  });
});

test('init prints what it writes, passes over ports that are taken, and warns of what does not answer', async () => {
  await using sentinel = await FakeSentinel.start({
    masters: {
      gone: { host: '127.0.0.1', port: 1, sentinels: [{ host: '127.0.0.1', port: 2 }] },
      true: { host: '127.0.0.1', port: 1 },
    },
  });
  const taken = createServer();
  taken.listen(6379, '127.0.0.1');
  // Somebody else may have it: all that counts is that it is taken.
  await Promise.race([once(taken, 'listening'), once(taken, 'error')]);
  try {
    const called = await call(['init', '--sentinel', sentinel.seed]);
    assert.equal(called.code, 0, called.stderr);
    const config = parseConfig(parseText(called.stdout, 'printed'), 'printed');
    const ports = config.databases.map(({ listen }) => portOf(listen[0]?.address));
    assert.deepEqual(
      config.databases.map(({ name }) => name),
      ['gone', 'true'],
    );
    assert.ok(ports.every((port) => port > 6379) && new Set(ports).size === 2, ports.join(' '));
    assert.equal(config.sentinels.length, 1);
    // What is proposed in comments can be taken as it is, once there is such a file.
    await inFolder(async (dir) => {
      const tokenFile = join(dir, 'token');
      await writeFile(tokenFile, 'a-token-of-this-test\n');
      const proposed = called.stdout
        .replace(/^# (admin:|  listen: 127\.0\.0\.1:9121|  tokenFile: ).*$/gm, (line) => line.slice(2))
        .replace(/^( {2}tokenFile: ).*$/m, `$1${tokenFile}`);
      const { admin } = parseConfig(parseText(proposed, 'proposed'), 'proposed');
      assert.equal(admin?.token?.reveal(), 'a-token-of-this-test');
    });
    assert.match(called.stdout, /^ {2}# - 127\.0\.0\.1:2 # did not answer$/m);
    assert.match(
      called.stderr,
      /^Warning: Cannot reach 127\.0\.0\.1:2: connection refused \(ECONNREFUSED\)$/m,
    );
    assert.match(called.stderr, /^Warning: gone could not be served now: .*127\.0\.0\.1:1.*ECONNREFUSED\)$/m);
    assertNoTrace(called);
  } finally {
    if (taken.listening) await new Promise((resolve) => taken.close(resolve));
  }
});

test('init writes nothing where there is nothing to write', async () => {
  await using empty = await FakeSentinel.start({});
  await using denying = await FakeSentinel.start({
    answer: () => ({ raw: '-NOAUTH Authentication required.\r\n' }),
  });
  const unasked = await call(['init']);
  assert.equal(unasked.code, 2);
  assert.match(unasked.stderr, /No Sentinel to ask: give --sentinel HOST:PORT/);
  const silent = await call(['init', '--sentinel', '127.0.0.1:1', denying.seed]);
  assert.equal(silent.code, 1);
  assert.match(silent.stderr, /^Warning: Cannot reach 127\.0\.0\.1:1: connection refused \(ECONNREFUSED\)$/m);
  assert.match(silent.stderr, /answers SENTINEL MASTERS with: NOAUTH Authentication required\.$/m);
  assert.match(
    silent.stderr,
    /Nothing to write: no Sentinel lets us ask SENTINEL MASTERS; give --password-file, and --username/,
  );
  const nobody = await call(['init', '--sentinel', '127.0.0.1:1']);
  assert.equal(nobody.code, 1);
  assert.match(nobody.stderr, /Nothing to write: no Sentinel answers/);
  const none = await call(['init', '--sentinel', empty.seed]);
  assert.equal(none.code, 1);
  assert.match(none.stderr, /Nothing to write: the Sentinels that answer monitor nothing/);
  for (const called of [unasked, silent, none]) {
    assert.equal(called.stdout, '');
    assertNoTrace(called);
  }
});

function portOf(address: ListenAddress | undefined): number {
  return address?.kind === 'tcp' ? address.port : 0;
}
