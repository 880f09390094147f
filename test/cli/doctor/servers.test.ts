import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  eventually,
  FakeRedis,
  FakeSentinel,
  FakeServer,
  freePort,
  FullBacklog,
  RedisProcess,
  startCluster,
  unresolvable,
  withoutLeaks,
  type FakeMaster,
} from '../../support/index.ts';
import { masterFindings } from '../../../src/cli/doctor/find-masters.ts';
import type { ProbedReplies } from '../../../src/cli/doctor/tls-probe.ts';
import { parseConfig } from '../../../src/config/parse.ts';
import type { DatabaseSurvey } from '../../../src/sentinel/members/survey.ts';
import { codesOf, diagnosed, found } from './diagnosed.ts';

/** Sentinels are reached at 127.0.0.2 in some of these, so that they are on another host than the master. */
async function sentinelOf(
  masters: Readonly<Record<string, FakeMaster>>,
  host = '127.0.0.1',
): Promise<FakeSentinel> {
  return await FakeSentinel.start({ masters, host });
}

const databases = [{ name: 'a', listen: 0 }];

test('within the second of a crash the replicas are no candidates less because their master is gone', async () => {
  await withoutLeaks(async () => {
    await using cluster = await startCluster({ replicas: 1, sentinels: 1, downAfterMs: 60_000 });
    const config = { sentinels: cluster.seeds, databases: [{ name: 'mymaster', listen: 0 }] };
    await cluster.kill(cluster.master);
    await eventually(async () => {
      const rows = JSON.stringify(await cluster.sentinel(0).command('SENTINEL', 'REPLICAS', 'mymaster'));
      return rows.includes('"master-link-status","err"');
    });
    const codes = codesOf(await diagnosed(config));
    assert.ok(codes.includes('master-unreachable'), codes.join());
    assert.ok(!codes.includes('no-candidate'), codes.join());
  });
});

test('one replica of two that is down is found, and no candidate is missed', async () => {
  await withoutLeaks(async () => {
    await using cluster = await startCluster({ sentinels: 1, downAfterMs: 1000 });
    const config = { sentinels: cluster.seeds, databases: [{ name: 'mymaster', listen: 0 }] };
    assert.ok(!codesOf(await diagnosed(config)).includes('replica-down'));
    const gone = cluster.replica(0);
    await gone.kill();
    const down = await eventually(async () =>
      (await diagnosed(config)).find(({ code }) => code === 'replica-down'),
    );
    assert.ok(down.what.startsWith(`the replica 127.0.0.1:${String(gone.port)} of "mymaster" is down`));
    assert.ok(!codesOf(await diagnosed(config)).includes('no-candidate'));
  });
});

test('what is wrong with replicas is found, on real servers', async (t) => {
  await withoutLeaks(async () => {
    await using cluster = await startCluster({ replicas: 1, sentinels: 1 });
    const { master, seeds } = cluster;
    const replica = cluster.replica(0);
    const config = { sentinels: seeds, databases: [{ name: 'mymaster', listen: 0 }] };
    const sentinel = cluster.sentinel(0);

    await t.test('a replica that is behind', async () => {
      replica.freeze();
      const value = Buffer.alloc(1024 * 1024, 'x').toString();
      for (const key of ['a', 'b']) await master.command('SET', key, value);
      const lag = found(await diagnosed(config), 'replication-lag');
      assert.match(lag.what, new RegExp(`127\\.0\\.0\\.1:${replica.port} by 2\\.\\d MiB`));
      assert.equal(lag.evidence[0]?.asked, 'ROLE');
      replica.thaw();
    });

    await t.test('a replica that must not be master, and one that is down', async () => {
      await replica.command('CONFIG', 'SET', 'replica-priority', 0);
      // Sentinel reads INFO every 10 s; what it reads is what counts, so it is told again.
      await sentinel.command('SENTINEL', 'RESET', 'mymaster');
      const priority = await eventually(async () => {
        const finding = (await diagnosed(config)).find(({ code }) => code === 'no-candidate');
        return finding?.evidence[0]?.answered.includes('priority is 0') && finding;
      });
      assert.match(priority.what, /no replica of "mymaster" could be promoted now/);
      await replica.kill();
      await eventually(async () => {
        const finding = (await diagnosed(config)).find(({ code }) => code === 'no-candidate');
        return /it is down|no connection/.test(finding?.evidence[0]?.answered ?? '');
      });
    });

    await t.test('advice on a master that is cut off, only where it has none', async () => {
      assert.equal(found(await diagnosed(config), 'min-replicas-unset').severity, 'ok');
      await master.command('CONFIG', 'SET', 'min-replicas-to-write', 1);
      assert.ok(!codesOf(await diagnosed(config)).includes('min-replicas-unset'));
    });
  });
});

test('what is wrong with the announced master is found', async (t) => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    const here = { host: '127.0.0.1', port: redis.port };

    await t.test('an address that cannot be reached, and where it answers instead', async () => {
      await using real = await RedisProcess.start({ host: '127.0.0.3' });
      // As with a container: announced at an address where nobody is, published where the Sentinel is.
      await using sentinel = await sentinelOf({ a: { host: '127.0.0.9', port: real.port } }, '127.0.0.3');
      const finding = found(await diagnosed({ sentinels: [sentinel.seed], databases }), 'master-unreachable');
      assert.equal(finding.severity, 'broken');
      assert.match(
        finding.remedy,
        new RegExp(`addressMap: \\{ "127\\.0\\.0\\.9:${real.port}": "127\\.0\\.0\\.3:${real.port}" \\}`),
      );
      assert.deepEqual(
        finding.evidence.map(({ by, asked }) => `${by} ${asked}`),
        [
          `${sentinel.seed} SENTINEL get-master-addr-by-name a`,
          `127.0.0.9:${real.port} ROLE`,
          `127.0.0.3:${real.port} ROLE`,
        ],
      );
      const mapped = await diagnosed({
        sentinels: [sentinel.seed],
        databases,
        addressMap: { [`127.0.0.9:${real.port}`]: `127.0.0.3:${real.port}` },
      });
      assert.ok(!codesOf(mapped).includes('master-unreachable'));
    });

    await t.test('a silent address, and a host name that does not resolve', async () => {
      await using silent = await FullBacklog.start();
      await using sentinel = await sentinelOf({
        a: { host: '127.0.0.1', port: silent.port },
        b: { host: unresolvable, port: 6379 },
      });
      const names = ['a', 'b'].map((name) => ({ name, listen: 0 }));
      const findings = await diagnosed({ sentinels: [sentinel.seed], databases: names });
      assert.match(found(findings, 'master-unreachable', 'a').what, /cannot be used/);
      const unresolved = found(findings, 'host-unresolved', 'b');
      assert.equal(unresolved.severity, 'broken');
      assert.match(unresolved.what, new RegExp(`host name that does not resolve here: "${unresolvable}"`));
      assert.match(unresolved.remedy, new RegExp(`addressMap: \\{ "${unresolvable}:6379"`));
    });

    await t.test('our own listener, something else than Redis, and a replica', async () => {
      const port = await freePort();
      await using web = await FakeServer.listen(() => 'hang', {
        greeting: 'HTTP/1.1 400 Bad Request\r\n\r\n',
      });
      await using replica = await FakeRedis.start({ role: 'slave' });
      await using sentinel = await sentinelOf({
        own: { host: '127.0.0.1', port },
        web: { host: '127.0.0.1', port: web.port },
        replica: { host: '127.0.0.1', port: replica.port },
      });
      const listen = { own: port, web: 0, replica: 0 };
      const findings = await diagnosed({
        sentinels: [sentinel.seed],
        databases: Object.entries(listen).map(([name, where]) => ({ name, listen: where })),
      });
      assert.match(found(findings, 'master-is-self').what, /that is this tunnel itself/);
      assert.match(found(findings, 'master-not-redis').what, /Not the Redis protocol/);
      assert.match(found(findings, 'master-is-replica').what, /says it is a replica/);
    });

    await t.test('a replica that only others can reach', async () => {
      const gone = { host: '127.0.0.1', port: await freePort() };
      await using sentinel = await sentinelOf({ a: { ...here, replicas: [gone] } });
      const finding = found(
        await diagnosed({ sentinels: [sentinel.seed], databases }),
        'replica-unreachable',
      );
      assert.match(finding.what, /after a failover to it no client could be served$/);
      assert.match(finding.evidence[0]?.answered ?? '', /ECONNREFUSED/);
    });

    await t.test('a clock that is an hour ahead', async () => {
      await using ahead = await FakeRedis.start({
        answer: ([name]) =>
          name === 'TIME' ? { reply: [String(Math.floor(Date.now() / 1000) + 3_600), '0'] } : undefined,
      });
      await using sentinel = await sentinelOf({ a: { host: '127.0.0.1', port: ahead.port } });
      const clock = found(await diagnosed({ sentinels: [sentinel.seed], databases }), 'clock-differs');
      assert.match(clock.what, /is 3(59\d|600)\.\d s ahead of the one here/);
      assert.deepEqual(
        clock.evidence.map(({ asked }) => asked),
        ['TIME', 'its clock'],
      );
    });

    await t.test('Sentinels of other ages', async () => {
      for (const [version, severity] of [
        ['2.8.5', 'degraded'],
        ['6.0.16', 'ok'],
        ['6.2.0', undefined],
        ['8.0.1', undefined],
      ] as const) {
        await using sentinel = await FakeSentinel.start({
          masters: { a: here },
          answer: ([name, section]) =>
            name === 'INFO' && section === 'server'
              ? { reply: `# Server\r\nredis_version:${version}\r\n` }
              : undefined,
        });
        const findings = await diagnosed({ sentinels: [sentinel.seed], databases });
        assert.equal(findings.find(({ code }) => code === 'sentinel-old')?.severity, severity, version);
      }
    });
  });
});

test('an address behind NAT or of containers gets an addressMap line, also where Sentinels are reached at loopback', () => {
  const config = parseConfig({ sentinels: ['127.0.0.1:26379'], databases }, 'the test');
  const [database] = config.databases;
  assert.ok(database);
  const by = '127.0.0.1:26379';
  const silent: ProbedReplies = {
    ...{ server: by, endpoint: { host: '127.0.0.1', port: 26379 }, failure: undefined },
    ...{
      isConnected: false,
      isRemote: false,
      login: { kind: 'none' },
      replies: new Map(),
      tlsProbe: undefined,
    },
  };
  const remedyFor = (host: string): string => {
    const endpoint = { host, port: 6379 };
    const failure = { code: 'ST_SENTINEL_TIMEOUT', cause: undefined, text: 'no answer in 2000 ms' } as const;
    const survey: DatabaseSurvey = {
      database,
      sentinels: [
        {
          sentinel: by,
          answer: { kind: 'address', endpoint, epoch: 1, flags: ['master'] },
          sameAs: undefined,
          id: undefined,
          isStranger: false,
        },
      ],
      adopted: { endpoint, epoch: 1, by },
      role: { kind: 'unusable', why: failure.text },
    };
    const master = { ...silent, server: `${host}:6379`, endpoint, failure };
    const found = masterFindings({
      ...{ config, nowMs: 0 },
      sentinels: [{ replies: silent, subscribed: silent, masters: undefined }],
      databases: [{ database, survey, master, replicas: [], alternates: [] }],
      localPorts: [],
      host: {
        ...{ listeners: [], admin: undefined, running: undefined, log: undefined },
        ...{ connections: 1, descriptors: undefined },
      },
    });
    return found.find(({ code }) => code === 'master-unreachable')?.remedy ?? '';
  };
  assert.match(
    remedyFor('198.51.100.7'),
    /^If it has another address from here \(NAT, containers\), write addressMap: \{ "198\.51\.100\.7:6379"/,
  );
  assert.match(
    remedyFor('172.18.0.3'),
    /publish the port of Redis and write addressMap: \{ "172\.18\.0\.3:6379": "127\.0\.0\.1:6379"/,
  );
  assert.match(remedyFor('127.0.0.1'), /^Check routes/);
});
