import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Report } from '../../../src/cli/doctor/report.ts';
import { assertNoTrace, call, inFolder } from '../call.ts';
import { FakeRedis, FakeSentinel, serveThrough, startCluster, withoutLeaks } from '../../support/index.ts';

const quiet = { SENTINEL_TUNNEL_ADMIN: 'off' };

test('doctor ends with 0, 1 or 2 for fine, degraded or broken, and with 64 for a call that is no call', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    const at = { host: '127.0.0.1', port: redis.port };
    const others = [1, 2].map((port) => ({ host: '127.0.0.1', port }));
    const replica = { host: '127.0.0.1', port: redis.port };
    await using sentinel = await FakeSentinel.start({
      masters: { sound: { ...at, sentinels: others, replicas: [replica] }, lone: at },
    });
    const seen = ['doctor', '--sentinel', sentinel.seed];
    const fine = await call([...seen, '--database', 'sound=0'], quiet);
    assert.deepEqual([fine.code, fine.stdout, fine.stderr], [0, 'All is well\n', '']);

    const degraded = await call([...seen, '--database', 'lone=0'], quiet);
    assert.equal(degraded.code, 1);
    assert.match(degraded.stdout, /^degraded sentinels-few \(lone\)\n {2}1 Sentinel watches "lone"/m);
    assert.match(degraded.stdout, /^ {4}127\.0\.0\.1:\d+, asked SENTINEL SENTINELS lone: 0 others$/m);
    assert.match(degraded.stdout, /^ {2}→ Run at least three Sentinels/m);
    assert.match(degraded.stdout, /\nClients are served, but .*: 0 broken, 3 degraded, 0 ok\n$/);

    const broken = await call([...seen, '--database', 'lone=0', 'sond=0', '--json'], quiet);
    assert.equal(broken.code, 2);
    const report = JSON.parse(broken.stdout) as Report;
    assert.equal(report.verdict, 'broken');
    const [first] = report.findings;
    assert.deepEqual([first?.code, first?.severity, first?.database], ['master-unknown', 'broken', 'sond']);
    assert.match(first?.remedy ?? '', /^Did you mean "sound"\?/);

    for (const args of [
      ['doctor'],
      ['doctor', '--nonsense'],
      ['doctor', '--sentinel', 'x:1', '--database', 'x'],
    ]) {
      const misused = await call(args, quiet);
      assert.equal(misused.code, 64, args.join(' '));
      assert.equal(misused.stdout, '');
      assertNoTrace(misused);
    }
  });
});

test('a configuration that cannot be used is what doctor finds', async () => {
  await inFolder(async (dir) => {
    const file = join(dir, 'wrong.yaml');
    await writeFile(file, 'sentinels: [nowhere]\ndatabases: [{ name: a, listen: 99999 }]\n');
    const wrong = await call(['doctor', '--config', file], quiet);
    assert.equal(wrong.code, 2);
    assert.match(wrong.stdout, /^broken {3}config-invalid\n {2}Invalid configuration in .*2 problems/m);
    assert.match(wrong.stdout, /asked what it says: sentinels\[0\]: expected "host:port"/);
    assertNoTrace(wrong);
    const missing = await call(['doctor', '--config', join(dir, 'none.yaml'), '--json'], quiet);
    assert.equal(missing.code, 2);
    const report = JSON.parse(missing.stdout) as Report;
    assert.deepEqual(
      report.findings.map(({ code }) => code),
      ['config-invalid'],
    );
  });
});

test('a wrong configuration of a tunnel that runs is no outage: doctor says that it serves by the one of before', async () => {
  await withoutLeaks(async () => {
    await using cluster = await startCluster({ replicas: 0, sentinels: 1 });
    await using tunnel = await serveThrough(cluster, { config: { admin: { listen: 0 } } });
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    const admin = { listen: tunnel.adminPort };
    await writeFile(tunnel.configFile, JSON.stringify({ sentinels: cluster.seeds, databasse: [], admin }));
    const wrong = await call(['doctor', '--config', tunnel.configFile]);
    assert.equal(wrong.code, 1, wrong.stderr);
    assert.match(
      wrong.stdout,
      /^degraded config-invalid\n {2}Invalid configuration in .*; the tunnel that runs at 127\.0\.0\.1:\d+ serves every database by the configuration that it has read before$/m,
    );
    assert.match(wrong.stdout, /databasse/);
    assert.match(wrong.stdout, /^Clients are served, but/m);
    // One that serves nobody changes nothing about the verdict.
    await cluster.kill(cluster.master);
    await tunnel.waitFor(({ event }) => event === 'master.lost');
    const lost = await call(['doctor', '--config', tunnel.configFile]);
    assert.equal(lost.code, 2);
    assert.match(lost.stdout, /is not ready \(mymaster: /);
  });
});

test('words of others steer no terminal, and a secret that a server repeats is not printed', async () => {
  await withoutLeaks(async () => {
    const evil = 'ERR \u001b[2J\u202eyour hunter2-hunter2 \u009b31m\u0007';
    await using sentinel = await FakeSentinel.start({
      answer: ([name]) => (name === 'SENTINEL' || name === 'AUTH' ? { raw: `-${evil}\r\n` } : undefined),
    });
    await inFolder(async (dir) => {
      const file = join(dir, 'config.json');
      const config = {
        sentinels: [sentinel.seed],
        sentinel: { password: 'hunter2-hunter2' },
        databases: [{ name: 'a', listen: 0 }],
        admin: false,
      };
      await writeFile(file, JSON.stringify(config));
      for (const more of [[], ['--json']]) {
        const { stdout, stderr, code } = await call(['doctor', '--config', file, ...more]);
        assert.equal(code, 2);
        assert.match(stdout, /\[redacted\]/);
        assert.doesNotMatch(stdout + stderr, /hunter2/);

        assert.doesNotMatch(stdout, /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u202e]/);
      }
    });
  });
});
