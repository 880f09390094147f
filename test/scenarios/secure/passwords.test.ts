import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  awaitSubscribed,
  eventually,
  scenario,
  serveThrough,
  startCluster,
  startThrough,
  type ClusterOptions,
  type Cluster,
  type TunnelProcess,
} from '../../support/index.ts';

// The rules for a client of Sentinel from https://redis.io/docs/latest/operate/oss_and_stack/management/sentinel/
const minimal =
  'allchannels -@all +auth +client|getname +client|id +client|setname +command +hello +ping +role ' +
  '+sentinel|get-master-addr-by-name +sentinel|master +sentinel|myid +sentinel|replicas +sentinel|sentinels +sentinel|masters';

const options: ClusterOptions = {
  password: 'of-redis',
  sentinelPassword: 'of-sentinel',
  sentinelConfig: [
    `user minimal on >minimal-secret ${minimal}`,
    'user useless on >useless-secret allchannels -@all +auth +ping +sentinel|myid',
  ],
  redisConfig: ['user prober on >prober-secret -@all +role', 'user pinger on >pinger-secret -@all +ping'],
};

const secrets = /of-redis|of-sentinel|\w+-secret|hunter2/;

/** What was told of the Sentinels. */
function told(tunnel: TunnelProcess, event: 'sentinel.down' | 'sentinel.polling-only'): string[] {
  return tunnel.events(event).map(({ reason, code = '' }) => `${String(code)} ${String(reason)}`);
}

scenario('Sentinels and Redis with passwords and ACLs', async (t) => {
  await using cluster = await startCluster(options);
  await t.test(
    'with the passwords of both kinds a whole failover is followed, its promotion seen at once',
    async () => {
      const dir = await mkdtemp(join(tmpdir(), 'st-passwords-'));
      try {
        await writeFile(join(dir, 'redis'), 'prober-secret\n', { mode: 0o600 });
        await using tunnel = await serveThrough(cluster, {
          config: {
            sentinel: { password: '${SENTINEL_PASSWORD}' },
            redis: { username: 'prober', passwordFile: join(dir, 'redis') },
          },
          env: { SENTINEL_PASSWORD: 'of-sentinel' },
        });
        await awaitSubscribed(cluster.sentinels);
        const promoted = await cluster.failoverAndSettle();
        await tunnel.waitFor(({ event }) => event === 'failover.story');
        const [story] = tunnel.events('failover.story');
        assert.ok(story && 'promotedMs' in story, 'the candidate told its role');
        await using client = await tunnel.connect(cluster.name);
        assert.equal(await client.command('AUTH', 'of-redis'), 'OK');
        assert.deepEqual(await client.command('CONFIG', 'GET', 'port'), ['port', String(promoted.port)]);
        assert.deepEqual(tunnel.events('redis.denied'), []);
        assert.deepEqual(tunnel.events('sentinel.down'), []);
        assert.doesNotMatch(tunnel.log(), secrets);
      } finally {
        await rm(dir, { recursive: true });
      }
    },
  );

  await t.test('a client is not logged in by what the tunnel knows', async () => {
    await using tunnel = await serveThrough(cluster, {
      config: { sentinel: { password: 'of-sentinel' }, redis: { password: 'of-redis' } },
    });
    await using client = await tunnel.connect(cluster.name);
    await assert.rejects(client.command('PING'), /NOAUTH/);
  });

  await t.test('the documented minimal user of a Sentinel is followed by asking alone', async () => {
    await using tunnel = await serveThrough(cluster, {
      config: {
        sentinel: { username: 'minimal', password: 'minimal-secret' },
        redis: { username: 'pinger', password: 'pinger-secret' },
      },
    });
    await eventually(() => tunnel.events('sentinel.polling-only').length === 3);
    assert.match(told(tunnel, 'sentinel.polling-only')[0] ?? '', /NOPERM/);
    assert.deepEqual(tunnel.events('sentinel.down'), []);
    const before = tunnel.events('master.serving').length;
    await cluster.failoverAndSettle();
    await eventually(() => tunnel.events('master.serving').length > before);
    // HELLO has told the role where ROLE is forbidden.
    await sleep(2_500);
    assert.deepEqual(tunnel.events('master.degraded'), []);
  });

  for (const [what, sentinel, expected] of [
    [
      'no password',
      {},
      'ST_SENTINEL_AUTH it asks for a password, set sentinel.password or sentinel.passwordFile (NOAUTH Authentication required.)',
    ],
    [
      'a wrong password',
      { password: 'hunter2' },
      'ST_SENTINEL_AUTH it refuses the credentials of "sentinel": WRONGPASS invalid username-password pair or user is disabled.',
    ],
    [
      'the password of Redis',
      { password: 'of-redis' },
      'ST_SENTINEL_AUTH it refuses the credentials of "sentinel": WRONGPASS invalid username-password pair or user is disabled.',
    ],
    [
      'a user without permissions',
      { username: 'useless', password: 'useless-secret' },
      "ST_SENTINEL_PERMISSION its ACL denies the query, the user needs at least +sentinel|get-master-addr-by-name (NOPERM this user has no permissions to run the 'sentinel|get-master-addr-by-name' command)",
    ],
  ] as const) {
    await t.test(`${what} for a Sentinel is one line per Sentinel, and no hot loop`, async () => {
      const rejections = await denied(cluster);
      await using tunnel = await startThrough(cluster, {
        config: { sentinel: { pollMs: 50, ...sentinel } },
      });
      await eventually(() => tunnel.events('sentinel.down').length === 3);
      await sleep(1_000); // twenty beats
      assert.deepEqual(told(tunnel, 'sentinel.down'), [expected, expected, expected]);
      assert.doesNotMatch(tunnel.log(), secrets);
      // Each Sentinel has been tried once on either connection, and is not again for five seconds.
      assert.ok((await denied(cluster)) - rejections <= 3 * 2 * 30);
      await tunnel.stop();
    });
  }

  await t.test(
    'wrong credentials for Redis are told once, and the master is served on the word of the Sentinels',
    async () => {
      for (const [redis, reason] of [
        [{ password: 'hunter2' }, 'WRONGPASS invalid username-password pair or user is disabled.'],
        [{ password: 'of-sentinel' }, 'WRONGPASS invalid username-password pair or user is disabled.'],
      ] as const) {
        await using tunnel = await serveThrough(cluster, {
          config: { sentinel: { password: 'of-sentinel' }, redis },
        });
        const degraded = await tunnel.waitFor(({ event }) => event === 'master.degraded');
        assert.equal(
          degraded['reasons'],
          `its role cannot be verified: it refuses the credentials of "redis": ${reason}`,
        );
        await tunnel.waitFor(({ event }) => event === 'redis.denied');
        assert.deepEqual(
          tunnel.events('redis.denied').map((event) => [event['reason'], event['code']]),
          [[reason, 'ST_REDIS_AUTH']],
        );
        assert.doesNotMatch(tunnel.log(), secrets);
        await using client = await tunnel.connect(cluster.name);
        assert.equal(await client.command('AUTH', 'of-redis'), 'OK');
      }
    },
  );

  await t.test('a password for those that have none is told once each, and does no harm', async () => {
    await using open = await startCluster({ replicas: 0, sentinels: 1 });
    await using tunnel = await serveThrough(open, {
      config: { sentinel: { password: 'hunter2' }, redis: { password: 'hunter2' } },
    });
    await eventually(() => tunnel.events('password.needless').length === 2);
    assert.deepEqual(
      tunnel
        .events('password.needless')
        .map(({ server }) => server)
        .toSorted(),
      [...open.seeds, `${open.master.host}:${open.master.port}`].toSorted(),
    );
    await sleep(2_500);
    assert.deepEqual(tunnel.events('master.degraded'), []);
  });
});

/** Commands that the Sentinels have rejected or failed, all together. */
async function denied(cluster: Cluster): Promise<number> {
  const counts = await Promise.all(
    cluster.sentinels.map(async (sentinel) => {
      const stats = await sentinel.info('commandstats');
      return [...stats.values()].reduce((sum, line) => {
        const [, rejected = '0'] = /rejected_calls=(\d+)/.exec(line) ?? [];
        const [, failed = '0'] = /failed_calls=(\d+)/.exec(line) ?? [];
        return sum + Number(rejected) + Number(failed);
      }, 0);
    }),
  );
  return counts.reduce((sum, count) => sum + count, 0);
}
