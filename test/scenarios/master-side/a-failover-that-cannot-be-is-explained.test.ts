import assert from 'node:assert/strict';
import { ask, clusterScenario, eventually } from '../../support/index.ts';

const config = { admin: { listen: '127.0.0.1:0' }, sentinel: { pollMs: 250 } };

interface StatusDatabase {
  readonly replicas: readonly string[];
  readonly absent: readonly { readonly address: string; readonly state: string }[];
}

clusterScenario(
  'that no replica could be promoted is in the reason of a lost master',
  {
    cluster: {
      downAfterMs: 1000,
      redisConfig: ['replica-priority 0'],
    },
    tunnel: { config },
    isSubscribed: true,
  },
  async ({ cluster, tunnel }) => {
    await cluster.master.kill();
    const lost = await tunnel.waitFor(
      ({ event, reason }) => event === 'master.lost' && String(reason).includes('failover-abort'),
      { withinMs: 60_000 },
    );
    assert.match(
      String(lost['reason']),
      /connection refused .*; the last failover was aborted by 127\.0\.0\.1:\d+: no replica can be promoted \(-failover-abort-no-good-slave\)$/,
    );
  },
);

clusterScenario(
  'a replica that was known and is gone is shown as gone',
  { cluster: { downAfterMs: 1000 }, tunnel: { config } },
  async ({ cluster, tunnel }) => {
    const [gone, left] = cluster.replicas.map(({ port }) => `127.0.0.1:${String(port)}`);
    const database = async (): Promise<StatusDatabase> => {
      const answered = await ask(tunnel.adminPort, '/status');
      const { databases } = answered.json() as { databases: readonly StatusDatabase[] };
      return databases[0] ?? assert.fail('no database');
    };
    await eventually(async () => (await database()).replicas.length === 2);
    assert.deepEqual((await database()).absent, []);
    await cluster.replica(0).kill();
    await eventually(async () => (await database()).absent[0]?.state === 'down', { withinMs: 60_000 });
    const { absent, replicas } = await database();
    assert.deepEqual(absent, [{ address: gone, state: 'down' }]);
    assert.deepEqual(replicas, [left]);
  },
);
