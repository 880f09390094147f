import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  eventually,
  FakeServer,
  FakeSentinel,
  freePort,
  RedisProcess,
  runIdOf,
  startCluster,
  withoutLeaks,
} from '../../support/index.ts';
import { codesOf, diagnosed, found } from './diagnosed.ts';

test('why no Sentinel answers is as bad as that none does, and comes before it', async () => {
  await withoutLeaks(async () => {
    await using cluster = await startCluster({ sentinels: 1, replicas: 0, sentinelPassword: 'right' });
    const databases = [{ name: cluster.name, listen: 0 }];
    const findings = await diagnosed({
      sentinels: [...cluster.seeds, '127.0.0.1:1'],
      sentinel: { password: 'wrong' },
      databases,
    });
    assert.deepEqual(
      findings.filter(({ severity }) => severity === 'broken').map(({ code }) => code),
      ['sentinel-unreachable', 'sentinel-password-wrong', 'no-sentinel-answers'],
    );
    // One of two that answers is enough to be served, so the other is no reason to wake anybody.
    const served = await diagnosed({
      sentinels: [...cluster.seeds, '127.0.0.1:1'],
      sentinel: { password: 'right' },
      databases,
    });
    assert.equal(found(served, 'sentinel-unreachable').severity, 'degraded');
    assert.ok(
      codesOf(served).indexOf('sentinel-unreachable') < codesOf(served).indexOf('majority-missing'),
      codesOf(served).join(),
    );
  });
});

test('what is wrong with Sentinels is found, on real ones', async (t) => {
  await withoutLeaks(async () => {
    await using cluster = await startCluster({ replicas: 1 });
    const { master, seeds } = cluster;
    const databases = [{ name: 'mymaster', listen: 0 }];
    const [first = '', second = ''] = seeds;

    await t.test('nothing, where all is well, and advice is no fault', async () => {
      const findings = await diagnosed({ sentinels: seeds, databases });
      assert.deepEqual(codesOf(findings), ['min-replicas-unset']);
      assert.equal(findings[0]?.severity, 'ok');
    });

    await t.test('an unknown name, with the names that exist, the nearest first', async () => {
      for (const sentinel of cluster.sentinels)
        await sentinel.command('SENTINEL', 'MONITOR', 'another', '127.0.0.1', master.port, 2);
      const findings = await diagnosed({ sentinels: seeds, databases: [{ name: 'MyMastre', listen: 0 }] });
      const unknown = found(findings, 'master-unknown');
      assert.equal(unknown.severity, 'broken');
      assert.equal(unknown.remedy, 'Did you mean "mymaster"? They monitor: "mymaster", "another"');
      assert.ok(
        unknown.evidence.some(
          ({ by, asked, answered }) =>
            by === first && asked === 'SENTINEL MASTERS' && answered.includes('another'),
        ),
      );
      // One that does not know it beside two that do.
      await cluster.sentinel(2).command('SENTINEL', 'REMOVE', 'another');
      const partly = found(
        await diagnosed({ sentinels: seeds, databases: [{ name: 'another', listen: 0 }] }),
        'master-unknown',
      );
      assert.equal(partly.severity, 'degraded');
      assert.match(partly.what, new RegExp(`^${seeds[2] ?? ''} does not monitor "another"$`));
      for (const index of [0, 1]) await cluster.sentinel(index).command('SENTINEL', 'REMOVE', 'another');
    });

    await t.test(
      'a Redis server, a stranger, nobody and a frozen one in the place of a Sentinel',
      async () => {
        await using web = await FakeServer.listen(() => 'close', {
          greeting: 'HTTP/1.1 400 Bad Request\r\n\r\n',
        });
        await using frozen = await FakeSentinel.start({ accept: 'hang' });
        const nobody = `127.0.0.1:${await freePort()}`;
        const findings = await diagnosed({
          sentinels: [first, `127.0.0.1:${master.port}`, `127.0.0.1:${web.port}`, nobody, frozen.seed],
          sentinel: { replyMs: 2000 },
          databases,
        });
        const strangers = findings.filter(({ code }) => code === 'sentinel-not-sentinel');
        assert.deepEqual(
          strangers.map(({ what }) => what),
          [
            `127.0.0.1:${master.port} is not a Sentinel: it is a Redis server, a master`,
            `127.0.0.1:${web.port} is not a Sentinel: what answers does not speak the Redis protocol`,
          ],
        );
        assert.match(strangers[0]?.evidence[0]?.answered ?? '', /^ERR unknown command/);
        const silent = findings.filter(({ code }) => code === 'sentinel-unreachable');
        assert.equal(silent.length, 2);
        assert.match(silent[0]?.what ?? '', new RegExp(`${nobody} does not answer: .*ECONNREFUSED`));
        assert.match(silent[0]?.remedy ?? '', /Nothing listens there/);
        assert.match(silent[1]?.what ?? '', /within 2000 ms/);
        assert.match(silent[1]?.remedy ?? '', /frozen/);
        assert.equal(found(findings, 'majority-missing').severity, 'degraded');
        const refusing = await diagnosed({
          sentinels: [first, nobody],
          databases: [{ ...databases[0], onSentinelLoss: 'refuse' }],
        });
        assert.equal(found(refusing, 'majority-missing').severity, 'broken');
        const alone = await diagnosed({ sentinels: [nobody], databases });
        assert.equal(found(alone, 'no-sentinel-answers').severity, 'broken');
      },
    );

    await t.test('two addresses of one Sentinel', async () => {
      const byName = first.replace('127.0.0.1', 'localhost');
      const twin = found(await diagnosed({ sentinels: [first, second, byName], databases }), 'sentinel-twin');
      assert.equal(twin.what, `${byName} is the same Sentinel as ${first}: the two have one vote`);
      assert.deepEqual(
        twin.evidence.map(({ asked }) => asked),
        ['SENTINEL MYID', 'SENTINEL MYID'],
      );
    });

    await t.test('a Sentinel of another deployment', async () => {
      const own = {
        id: runIdOf('foreign'),
        masters: { mymaster: { host: '127.0.0.1', port: 1, epoch: 57 } },
      };
      await using foreign = await FakeSentinel.start(own);
      for (const sentinels of [
        [foreign.seed, first, second],
        [first, second, foreign.seed],
      ]) {
        const findings = await diagnosed({ sentinels, databases });
        const stranger = found(findings, 'sentinel-stranger');
        assert.ok(stranger.what.startsWith(`${foreign.seed} belongs to another deployment: `));
        assert.equal(stranger.evidence[0]?.answered, own.id);
        assert.ok(!findings.some(({ severity }) => severity === 'broken'), 'its master is followed');
      }
    });

    await t.test('a quorum that cannot be reached, asked by CKQUORUM', async () => {
      await cluster.sentinel(0).command('SENTINEL', 'SET', 'mymaster', 'quorum', 4);
      const quorum = found(await diagnosed({ sentinels: seeds, databases }), 'quorum-unreachable');
      assert.match(quorum.evidence[0]?.answered ?? '', /^NOQUORUM 3 usable Sentinels/);
      assert.equal(quorum.evidence[0]?.by, first);
      await cluster.sentinel(0).command('SENTINEL', 'SET', 'mymaster', 'quorum', 2);
    });

    await t.test('values that make failovers slow', async () => {
      const settings = ['down-after-milliseconds', 30_000, 'failover-timeout', 180_000];
      for (const sentinel of cluster.sentinels)
        await sentinel.command('SENTINEL', 'SET', 'mymaster', ...settings);
      const findings = await diagnosed({ sentinels: seeds, databases });
      const slow = found(findings, 'down-after-long');
      assert.match(slow.what, /after 30000 ms, and clients that wait are refused after 10000 ms/);
      assert.equal(slow.evidence[0]?.answered, 'down-after-milliseconds 30000');
      assert.equal(found(findings, 'failover-timeout-long').severity, 'ok');
      const patient = await diagnosed({ sentinels: seeds, databases: [{ ...databases[0], holdMs: 60_000 }] });
      assert.ok(!codesOf(patient).includes('down-after-long'));
    });

    await t.test(
      'a Sentinel that does not trust its clock: it stood still for more than two seconds',
      async () => {
        const sentinel = cluster.sentinel(2);
        cluster.freeze(sentinel);
        await new Promise((resolve) => setTimeout(resolve, 2_300)); // SENTINEL_TILT_TRIGGER is 2 s
        cluster.thaw(sentinel);
        await eventually(async () => (await sentinel.info('sentinel')).get('sentinel_tilt') === '1');
        const tilt = found(await diagnosed({ sentinels: seeds, databases }), 'sentinel-tilt');
        assert.match(tilt.what, new RegExp(`^${seeds[2] ?? ''} is in TILT mode`));
        assert.match(tilt.evidence[0]?.answered ?? '', /^sentinel_tilt:1, for \d+ s$/);
      },
    );

    await t.test('few Sentinels, and some that name another master or stand at another epoch', async () => {
      await using other = await RedisProcess.start();
      await using stray = await RedisProcess.start({
        sentinel: true,
        config: [`sentinel monitor mymaster 127.0.0.1 ${other.port} 1`],
      });
      const lone = `127.0.0.1:${stray.port}`;
      const few = await diagnosed({ sentinels: [lone], databases });
      assert.equal(
        found(few, 'sentinels-few').what,
        '1 Sentinel watches "mymaster": once one is lost no failover is possible',
      );
      assert.match(found(few, 'no-candidate').what, /has no replica/);
      // One that does not tell who it is cannot be told from ours.
      const place = { host: '127.0.0.1', port: other.port };
      await using nameless = await FakeSentinel.start({ masters: { mymaster: place } });
      const split = found(
        await diagnosed({ sentinels: [first, second, nameless.seed], databases }),
        'sentinels-disagree',
      );
      assert.match(split.what, /name 2 servers .*is served, as .* says/);
      assert.deepEqual(
        split.evidence.map(({ by, answered }) => [by, answered.split(',')[0]]),
        [
          [first, `127.0.0.1:${master.port}`],
          [second, `127.0.0.1:${master.port}`],
          [nameless.seed, `127.0.0.1:${other.port}`],
        ],
      );
      await stray.command('SENTINEL', 'REMOVE', 'mymaster');
      await cluster.failoverAndSettle();
      const promoted = await cluster.masterNow();
      await stray.command('SENTINEL', 'MONITOR', 'mymaster', '127.0.0.1', promoted.port, 1);
      const behind = await diagnosed({ sentinels: [first, second, lone], databases });
      assert.match(found(behind, 'epochs-differ').what, /under 2 configuration epochs/);
    });
  });
});
