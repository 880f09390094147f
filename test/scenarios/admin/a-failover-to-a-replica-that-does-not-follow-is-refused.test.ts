import assert from 'node:assert/strict';
import { test } from 'node:test';
import {
  ask,
  eventually,
  serveThrough,
  startCluster,
  withoutLeaks,
  Writer,
  type Cluster,
  type TunnelProcess,
} from '../../support/index.ts';

const token = 'a-token-of-the-tests';
const headers = { authorization: `Bearer ${token}` };

async function withTunnel(run: (cluster: Cluster, tunnel: TunnelProcess) => Promise<void>): Promise<void> {
  await withoutLeaks(async () => {
    await using cluster = await startCluster();
    await using tunnel = await serveThrough(cluster, { config: { admin: { listen: 0, token } } });
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    await run(cluster, tunnel);
  });
}

async function failOver(tunnel: TunnelProcess, wishes: object) {
  const path = '/databases/mymaster/failover';
  return await ask(tunnel.adminPort, path, { method: 'POST', headers, body: JSON.stringify(wishes) });
}

/** A failover that succeeds; gives when the next master is served and confirmed. */
async function failedOver(tunnel: TunnelProcess, wishes: object): Promise<void> {
  const answer = await failOver(tunnel, wishes);
  assert.equal(answer.status, 200, answer.text);
  await tunnel.waitFor(({ event }) => event === 'failover.story');
  await tunnel.waitFor(({ event, generation }) => event === 'master.serving' && Number(generation) > 1);
}

for (const [kind, wishes] of [
  ['plain', {}],
  ['graceful', { graceful: true, finishMs: 10_000 }],
] as const) {
  test(`a second ${kind} failover right after the first is refused at once, in the log too, and loses nothing`, async () => {
    await withTunnel(async (cluster, tunnel) => {
      await using writer = new Writer(tunnel.port(cluster.name), 'written', 0);
      await eventually(() => writer.acknowledged.length > 100);
      await failedOver(tunnel, wishes);
      const first = writer.acknowledged.length;
      await eventually(() => writer.acknowledged.length > first + 50);
      const heldBefore = tunnel.events('database.held').length;

      const refused = await failOver(tunnel, wishes);
      assert.equal(refused.status, 409, refused.text);
      const { error, code } = refused.json() as { readonly error: string; readonly code: string };
      assert.equal(code, 'ST_FAILOVER_FAILED');
      assert.match(error, /^Cannot fail "mymaster" over/);
      assert.equal(tunnel.events('failover.refused').at(-1)?.['reason'], error);
      assert.equal(tunnel.events('database.held').length, heldBefore, 'nobody waits for a refusal');

      // Once it has synchronised again it may be promoted, and nothing that was written meanwhile is lost.
      const again = await eventually(
        async () => {
          const answer = await failOver(tunnel, wishes);
          if (answer.status === 200) return answer;
          assert.equal(answer.status, 409, answer.text);
          return false;
        },
        { withinMs: 60_000, everyMs: 100 },
      );
      assert.ok(again);
      await eventually(() => tunnel.events('failover.story').length === 2);
      const served = writer.acknowledged.length;
      await eventually(() => writer.acknowledged.length > served + 10);
      await writer.stop();
      const master = await cluster.masterNow();
      const members = await master.command('SMEMBERS', writer.key);
      assert.ok(Array.isArray(members));
      assert.deepEqual(writer.lost(members), []);
    });
  });
}

test('a replica without a link to the master is named, and is no reason against a failover that is forced', async () => {
  await withTunnel(async (cluster, tunnel) => {
    const [replica] = cluster.replicas;
    assert.ok(replica);
    // A Sentinel has it follow the master again, but not within eight seconds.
    await replica.command('REPLICAOF', '127.0.0.1', '1');
    await eventually(async () => (await replica.info('replication')).get('master_link_status') === 'down');
    const refused = await failOver(tunnel, {});
    assert.equal(refused.status, 409, refused.text);
    assert.match(
      refused.text,
      new RegExp(
        `over without loss: replica 127\\.0\\.0\\.1:${replica.port} has no link to the master: it is not synchronised yet; \\\\"force\\\\" skips this check`,
      ),
    );
    const forced = await failOver(tunnel, { force: true });
    assert.equal(forced.status, 200, forced.text);
    assert.equal(tunnel.events('failover.refused').length, 1);
  });
});
