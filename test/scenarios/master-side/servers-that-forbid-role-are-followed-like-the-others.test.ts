import assert from 'node:assert/strict';
import type { Status } from '../../../src/admin/status.ts';
import {
  ask,
  awaitSubscribed,
  clusterScenario,
  eventually,
  type TunnelProcess,
} from '../../support/index.ts';

const token = 'a-token-of-the-tests';
const admin = { listen: 0, token };
const noRole = ['rename-command ROLE ""'];
const noHello = [...noRole, 'rename-command HELLO ""'];
const users = ['user prober on >prober-secret -@all +info', 'user pinger on >pinger-secret -@all +ping'];

async function replicasShown(tunnel: TunnelProcess): Promise<readonly string[] | undefined> {
  const answer = await ask(tunnel.adminPort, '/status', { headers: { authorization: `Bearer ${token}` } });
  return (answer.json() as Status).databases[0]?.replicas;
}

for (const [what, redisConfig, redis] of [
  ['ROLE', noRole, {}],
  ['ROLE and HELLO', noHello, {}],
  [
    'ROLE and HELLO and all but INFO',
    [...noHello, ...users],
    { username: 'prober', password: 'prober-secret' },
  ],
] as const) {
  clusterScenario(
    `servers without ${what}: after a planned failover the promoted one is served at once`,
    { cluster: { redisConfig }, tunnel: { config: { redis, admin } } },
    async ({ cluster, tunnel }) => {
      await tunnel.waitFor(({ event }) => event === 'admin.opened');
      await eventually(async () => (await replicasShown(tunnel))?.length === 2);
      await awaitSubscribed(cluster.sentinels);
      const promoted = await cluster.failoverAndSettle();
      await tunnel.waitFor(({ event }) => event === 'failover.story');
      const [story] = tunnel.events('failover.story');
      assert.ok(story && 'promotedMs' in story, `the candidate told its role: ${JSON.stringify(story)}`);
      assert.equal(story['to'], `127.0.0.1:${promoted.port}`);
      const serving = tunnel.events('master.serving').filter(({ generation }) => Number(generation) > 1);
      assert.deepEqual(
        serving.map(({ standing }) => standing),
        ['provisional'],
        JSON.stringify(story),
      );
      assert.ok(Number(story['servedMs']) < Number(story['confirmedMs']));
      const doubts = tunnel.events('master.degraded').map(({ reasons }) => String(reasons));
      assert.doesNotMatch(doubts.join('\n'), /role/);
      await using client = await tunnel.connect(cluster.name);
      assert.equal(await client.command('SET', 'key', 'value'), 'OK');
      assert.equal(await promoted.command('GET', 'key'), 'value');
    },
  );
}

clusterScenario(
  'servers that do not tell their role are served because the Sentinels name them, and shown as degraded',
  {
    cluster: { replicas: 1, redisConfig: [...noHello, ...users] },
    tunnel: {
      config: { redis: { username: 'pinger', password: 'pinger-secret' }, admin },
    },
  },
  async ({ cluster, tunnel }) => {
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    const degraded = await tunnel.waitFor(({ event }) => event === 'master.degraded');
    assert.match(String(degraded['reasons']), /its role cannot be verified: ERR unknown command 'ROLE'/i);
    await using client = await tunnel.connect(cluster.name);
    assert.equal(await client.command('SET', 'key', 'value'), 'OK');
    assert.deepEqual(await replicasShown(tunnel), []);
  },
);
