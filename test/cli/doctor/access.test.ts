import assert from 'node:assert/strict';
import { test } from 'node:test';
import { startCluster, withoutLeaks } from '../../support/index.ts';
import { codesOf, diagnosed, found } from './diagnosed.ts';

const asking =
  '-@all +auth +ping +role +info +sentinel|myid +sentinel|get-master-addr-by-name +sentinel|replicas +sentinel|slaves +sentinel|ckquorum';

test('what is wrong with passwords and permissions is found, on real servers', async (t) => {
  await withoutLeaks(async () => {
    await using cluster = await startCluster({
      replicas: 1,
      password: 'of-redis',
      sentinelPassword: 'of-sentinel',
      downAfterMs: 5_000,
      sentinelConfig: [
        `user quiet on >quiet-secret allchannels ${asking} +sentinel|master +sentinel|sentinels`,
        `user narrow on >narrow-secret resetchannels &+switch-master ${asking} +sentinel|master +sentinel|sentinels +subscribe`,
        `user blind on >blind-secret allchannels ${asking} +subscribe`,
      ],
      redisConfig: ['user pinger on >pinger-secret -@all +ping'],
    });
    const databases = [{ name: 'mymaster', listen: 0 }];
    const redis = { password: 'of-redis' };
    const asUser = (sentinel: object | undefined, more: object = {}): ReturnType<typeof diagnosed> =>
      diagnosed({ sentinels: cluster.seeds, databases, redis, ...(sentinel && { sentinel }), ...more });

    await t.test('nothing with the right ones', async () => {
      assert.deepEqual(codesOf(await asUser({ password: 'of-sentinel' })), ['min-replicas-unset']);
    });

    await t.test('a password that a Sentinel wants, and one that it refuses', async () => {
      const missing = await asUser(undefined);
      assert.equal(missing.filter(({ code }) => code === 'sentinel-password-missing').length, 3);
      assert.match(found(missing, 'sentinel-password-missing').evidence[0]?.answered ?? '', /^NOAUTH/);
      const wrong = await asUser({ password: 'hunter2-hunter2' });
      const finding = found(wrong, 'sentinel-password-wrong');
      assert.deepEqual(finding.evidence, [
        {
          by: cluster.seeds[0],
          asked: 'AUTH default [redacted]',
          answered: 'WRONGPASS invalid username-password pair or user is disabled.',
        },
      ]);
      assert.equal(found(wrong, 'no-sentinel-answers').severity, 'broken');
      assert.doesNotMatch(JSON.stringify(wrong), /hunter2/);
    });

    await t.test('a secret that is an ordinary word is given away by no sentence', async () => {
      for (const password of ['password', 'master']) {
        const findings = [
          ...(await asUser({ password })),
          ...(await asUser({ password: 'of-sentinel' }, { redis: { password } })),
          ...(await asUser(undefined, { redis: { password } })),
        ];
        const sentences = findings.map(({ what, remedy }) => `${what}; ${remedy}`).join('\n');
        assert.match(sentences, /WRONGPASS invalid username-password pair/);
        assert.match(sentences, /requires a password/);
        const text = sentences + JSON.stringify(findings.map(({ evidence }) => evidence));
        assert.doesNotMatch(text.replace(/AUTH default \[redacted\]/g, ''), /redacted/);
      }
    });

    await t.test('a user who may not subscribe, or not to what tells of promotions', async () => {
      const quiet = found(
        await asUser({ username: 'quiet', password: 'quiet-secret' }),
        'sentinel-subscribe',
      );
      assert.match(quiet.remedy, /ACL SETUSER quiet \+subscribe allchannels/);
      assert.match(quiet.evidence[0]?.answered ?? '', /^NOPERM .*'subscribe'/);
      const narrow = await asUser({ username: 'narrow', password: 'narrow-secret' });
      const channels = found(narrow, 'sentinel-channels');
      assert.match(channels.what, /26 of 27 channels .*about a second later/);
      assert.match(channels.remedy, /ACL SETUSER narrow allchannels/);
      assert.ok(!codesOf(narrow).includes('sentinel-subscribe'));
    });

    await t.test('a user who may not ask for all', async () => {
      const blind = found(
        await asUser({ username: 'blind', password: 'blind-secret' }),
        'sentinel-permission',
      );
      assert.match(blind.what, /SENTINEL MASTER, SENTINEL SENTINELS: its epoch is unknown/);
      assert.match(blind.remedy, /ACL SETUSER blind \+sentinel\|master \+sentinel\|sentinels/);
      assert.deepEqual(
        blind.evidence.map(({ asked }) => asked),
        ['SENTINEL MASTER mymaster', 'SENTINEL SENTINELS mymaster'],
      );
    });

    await t.test('what Redis asks of the probe', async () => {
      const sentinel = { password: 'of-sentinel' };
      const missing = await diagnosed({ sentinels: cluster.seeds, databases, sentinel });
      assert.equal(found(missing, 'redis-password-missing').severity, 'degraded');
      const wrong = await asUser(sentinel, { redis: { password: 'hunter2-hunter2' } });
      assert.match(found(wrong, 'redis-password-wrong').what, /refuses the credentials of "redis"/);
      assert.doesNotMatch(JSON.stringify(wrong), /hunter2/);
      const pinger = await asUser(sentinel, { redis: { username: 'pinger', password: 'pinger-secret' } });
      assert.match(found(pinger, 'redis-permission').remedy, /ACL SETUSER pinger \+role/);
      assert.equal(found(pinger, 'redis-permission').severity, 'ok');
      assert.match(
        found(pinger, 'redis-permission').what,
        / does not let "pinger" ask ROLE: the role is taken from HELLO$/,
      );
    });

    await t.test('servers without ROLE, and those that report their role in no way', async () => {
      const noRole = 'rename-command ROLE ""';
      const noHello = 'rename-command HELLO ""';
      for (const [redisConfig, account, severity, what] of [
        [[noRole], {}, 'ok', /does not know ROLE: .*: the role is taken from HELLO$/],
        [[noRole, noHello], {}, 'ok', /does not know ROLE: .*: the role is taken from INFO replication$/],
        [
          [noRole, noHello, 'user pinger on >pinger-secret -@all +ping'],
          { username: 'pinger', password: 'pinger-secret' },
          'degraded',
          /does not know ROLE: .*, and neither HELLO nor INFO reports the role: .* a second longer$/,
        ],
      ] as const) {
        await using bare = await startCluster({ replicas: 0, sentinels: 1, redisConfig });
        const findings = await diagnosed({ sentinels: bare.seeds, redis: account, databases });
        const finding = found(findings, 'redis-permission');
        assert.equal(finding.severity, severity);
        assert.match(finding.what, what);
        assert.match(finding.evidence[0]?.answered ?? '', /^ERR unknown command/);
      }
    });

    await t.test('a password for those that have none', async () => {
      await using open = await startCluster({ replicas: 0, sentinels: 1 });
      const findings = await diagnosed({
        sentinels: open.seeds,
        sentinel: { password: 'of-nobody' },
        redis: { password: 'of-nobody' },
        databases,
      });
      assert.equal(findings.filter(({ code }) => code === 'password-needless').length, 2);
    });
  });
});
