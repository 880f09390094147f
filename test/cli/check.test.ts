import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  FakeRedis,
  FakeSentinel,
  freePort,
  RedisProcess,
  serveThrough,
  startCluster,
  withoutLeaks,
} from '../support/index.ts';
import type { Report } from '../../src/cli/doctor/report.ts';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { assertNoTrace, call, inFolder } from './call.ts';

test('check shows what each live Sentinel says, the role of the server, and ends with 0', async () => {
  await withoutLeaks(async () => {
    await using cluster = await startCluster({ replicas: 1, sentinels: 3 });
    const flags = cluster.seeds.flatMap((seed) => ['--sentinel', seed]);
    const port = await freePort();
    const called = await call(['check', ...flags, '--database', `mymaster=${String(port)}`]);
    assert.equal(called.stderr, '');
    const master = `127.0.0.1:${String(cluster.master.port)}`;
    const lines = called.stdout.split('\n');
    assert.equal(lines[0], 'Configuration is valid: 3 Sentinels, 1 database');
    assert.equal(lines[2], `mymaster (127.0.0.1:${String(port)})`);
    for (const [index, seed] of cluster.seeds.entries()) {
      assert.match(lines[3 + index] ?? '', new RegExp(`^ {2}${seed} +says ${master} +epoch \\d+ +master$`));
    }
    assert.match(lines[6] ?? '', new RegExp(`^ {2}${master} +says it is the master$`));
    assert.match(lines[7] ?? '', new RegExp(`^ {2}servable: ${master}, epoch \\d+$`));
    assert.equal(called.code, 0);
  });
});

test('check ends with 1 when a database is not servable, and says which and why', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using replica = await FakeRedis.start({ role: 'slave' });
    await using sentinel = await FakeSentinel.start({
      masters: {
        sound: { host: '127.0.0.1', port: redis.port },
        stale: { host: '127.0.0.1', port: replica.port },
      },
    });
    const databases = ['sound', 'stale', 'other'].flatMap((name) => ['--database', `${name}=0`]);
    const called = await call(['check', '--sentinel', sentinel.seed, '127.0.0.1:1', ...databases]);
    assert.match(called.stdout, /^ {2}servable: 127\.0\.0\.1:/m);
    assert.match(called.stdout, /^ {2}127\.0\.0\.1:1 +does not answer: .*ECONNREFUSED/m);
    assert.match(called.stdout, /^ {2}NOT SERVABLE: 127\.0\.0\.1:\d+ says it is a replica$/m);
    assert.match(called.stdout, /does not monitor "other"/);
    assert.match(called.stdout, /^ {2}NOT SERVABLE: no Sentinel that answers monitors "other"$/m);
    assertNoTrace(called);
    assert.equal(called.code, 1);
  });
});

test('check names the cause that doctor finds, by the same queries', async () => {
  await withoutLeaks(async () => {
    await using plain = await RedisProcess.start();
    await using sentinel = await FakeSentinel.start({
      masters: { a: { host: '127.0.0.1', port: plain.port } },
    });
    await inFolder(async (dir) => {
      const file = join(dir, 'c.json');
      const redis = { tls: true };
      const databases = [{ name: 'a', listen: 0, redis }];
      await writeFile(file, JSON.stringify({ sentinels: [sentinel.seed], databases, admin: false }));
      const [short, long] = [
        await call(['check', '--config', file]),
        await call(['doctor', '--config', file, '--json']),
      ];
      const { findings } = JSON.parse(long.stdout) as Report;
      const cause = findings.find(({ code }) => code === 'tls-unwanted');
      assert.equal(cause?.severity, 'broken');
      assert.ok(short.stdout.includes(`  NOT SERVABLE: ${cause.what}\n`), short.stdout);
      assert.deepEqual([short.code, long.code], [1, 2]);
    });
  });
});

test('check lists the names that there are where the name is wrong, cut and escaped, and not where it is not', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    const place = { host: '127.0.0.1', port: redis.port };
    const many = Array.from({ length: 20 }, (_, index) => `cache-${String(index).padStart(2, '0')}`);
    const hostile = `mymaste\u202er\u001b[2J${'x'.repeat(500)}`;
    await using sentinel = await FakeSentinel.start({
      masters: Object.fromEntries([...many, 'mymaster', hostile].map((name) => [name, place])),
    });
    const wrong = await call(['check', '--sentinel', sentinel.seed, '--database', 'MyMaster=0']);
    const line = wrong.stdout.split('\n').find((each) => each.includes('They monitor')) ?? '';
    assert.match(
      line,
      /^ {2}Did you mean "mymaster"\? They monitor: "mymaster", "cache-00", .*, and 10 more$/,
    );
    assert.equal(wrong.code, 1);

    sentinel.masters.clear();
    sentinel.masters.set(hostile, place);
    const escaped = await call(['check', '--sentinel', sentinel.seed, '--database', 'other=0']);
    assert.match(escaped.stdout, /^ {2}They monitor: "mymaste\\u202er\\x1b\[2Jx{20,80}…"$/m);
    sentinel.masters.clear();
    const none = await call(['check', '--sentinel', sentinel.seed, '--database', 'other=0']);
    assert.match(none.stdout, /^ {2}They monitor nothing$/m);

    const dead = await call(['check', '--sentinel', '127.0.0.1:1', '--database', 'other=0']);
    assert.match(dead.stdout, /NOT SERVABLE: no Sentinel gives an answer/);
    assert.doesNotMatch(dead.stdout, /monitor/);
  });
});

test('check ends with 1 where another program has the port, and not where the tunnel itself has it', async () => {
  await withoutLeaks(() =>
    inFolder(async (dir) => {
      await using cluster = await startCluster({ replicas: 0, sentinels: 1 });
      await using other = await RedisProcess.start();
      const flags = ['--sentinel', ...cluster.seeds, '--database'];
      const taken = await call(['check', ...flags, `mymaster=${String(other.port)}`]);
      assert.match(taken.stdout, /^ {2}servable: /m);
      assert.match(
        taken.stdout,
        new RegExp(`^ {2}CANNOT LISTEN: 127\\.0\\.0\\.1:${String(other.port)} is taken by `, 'm'),
      );
      assert.equal(taken.code, 1);

      const unwritable = ['check', ...flags, 'mymaster=0', '--config', join(dir, 'c.yaml')];
      await writeFile(join(dir, 'c.yaml'), JSON.stringify({ log: { file: dir } }));
      const logless = await call(unwritable);
      assert.match(logless.stdout, /^CANNOT START: the log ".*" cannot be written: it is a directory$/m);
      assert.equal(logless.code, 1);

      await using tunnel = await serveThrough(cluster, { config: { admin: { listen: 0 } } });
      await tunnel.waitFor(({ event }) => event === 'admin.opened');
      const own = [...flags, `mymaster=${String(tunnel.port(cluster.name))}`];
      const beside = await call(['check', ...own, '--admin', `127.0.0.1:${String(tunnel.adminPort)}`]);
      assert.doesNotMatch(beside.stdout, /CANNOT/);
      assert.equal(beside.code, 0);
      const unknown = await call(['check', ...own]);
      assert.match(unknown.stdout, /CANNOT LISTEN: .* is taken by (another tunnel, pid|a process)/);
      assert.equal(unknown.code, 1);
      const file = join(dir, 'now.json');
      const databases = [{ name: cluster.name, listen: tunnel.port(cluster.name) }];
      await writeFile(file, JSON.stringify({ sentinels: cluster.seeds, databases }));
      const against = await call(['check', '--config', file, '--against', file]);
      assert.equal(against.code, 0, against.stdout);
      await tunnel.stop();
    }),
  );
});

test('check --against prints what a reload would change, and ends as without it', async () => {
  await withoutLeaks(() =>
    inFolder(async (dir) => {
      await using redis = await FakeRedis.start();
      await using sentinel = await FakeSentinel.start({
        masters: { one: { host: '127.0.0.1', port: redis.port } },
      });
      const [running, next] = [join(dir, 'running.yaml'), join(dir, 'next.yaml')];
      const one = { name: 'one', listen: 6379 };
      const config = { sentinels: [sentinel.seed], databases: [one] };
      await writeFile(running, JSON.stringify(config));
      await writeFile(next, JSON.stringify({ ...config, databases: [{ ...one, holdMs: 5 }], threads: 2 }));
      const called = await call(['check', '--config', next, '--against', running]);
      assert.deepEqual(called.stdout.split('\n').slice(2, 6), [
        `Against ${running}: 2 changes`,
        '  databases[one].holdMs: 10000 → 5 (new sessions, and those that wait)',
        '  threads: 1 → 2 (needs a restart)',
        '',
      ]);
      assert.match(called.stdout, /^ {2}servable: /m);
      assert.equal(called.code, 0);
      const same = await call(['check', '--config', running, '--against', running]);
      assert.match(same.stdout, new RegExp(`^Against ${running}: nothing changes$`, 'm'));
      await writeFile(running, '{}');
      const wrong = await call(['check', '--config', next, '--against', running]);
      assert.match(wrong.stderr, new RegExp(`Invalid configuration in ${running}`));
      assertNoTrace(wrong);
      assert.equal(wrong.code, 2);
    }),
  );
});
