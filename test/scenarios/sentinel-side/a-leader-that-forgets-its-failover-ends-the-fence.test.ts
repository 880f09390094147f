import assert from 'node:assert/strict';
import {
  awaitServing,
  awaitSubscribed,
  eventually,
  fakeScenario,
  scenario,
  serveThrough,
  startCluster,
} from '../../support/index.ts';
import { announcePromotion, name, whoServes } from '../../support/trio.ts';

for (const forget of [
  ['RESET', name],
  ['REMOVE', name],
])
  scenario(
    `SENTINEL ${forget.join(' ')} on the leader after the promotion: the orphan is left at once`,
    async () => {
      await using cluster = await startCluster();
      const { master } = cluster;
      const leader = cluster.sentinel(0);
      await using tunnel = await serveThrough(cluster);
      await awaitSubscribed(cluster.sentinels);
      await using client = await tunnel.connect(name);
      assert.equal(await client.command('PING'), 'PONG');
      await cluster.failover(0);
      await tunnel.waitFor(({ event, standing }) => event === 'master.serving' && standing === 'provisional');
      await leader.command('SENTINEL', ...forget);
      const channel = forget[0] === 'RESET' ? '+reset-master' : '-monitor';
      const lost = await tunnel.waitFor(({ event }) => event === 'master.lost');
      assert.ok(String(lost['reason']).includes(`aborted the failover (${channel})`), String(lost['reason']));
      await awaitServing(tunnel, name, master.port);
    },
  );

for (const channel of ['+reset-master', '-monitor', '-failover-abort-no-good-slave'])
  fakeScenario(
    `${channel} before the promotion: the old master is served again at once`,
    { nextRole: 'slave' },
    async ({ redis: old, next: candidate, trio, tunnel }) => {
      old.values.set('who', 'old');
      const [leader] = trio.sentinels;
      await announcePromotion(leader, candidate, old);
      await tunnel.waitFor(({ event }) => event === 'master.fenced');
      await eventually(() => leader.publish(channel, `master ${name} ${old.host} ${String(old.port)}`) > 0);
      assert.equal(await whoServes(tunnel), 'old');
      const told = tunnel.events('master.lost')[0];
      assert.ok(String(told?.['reason']).includes(`aborted the failover (${channel})`), tunnel.log());
    },
  );
