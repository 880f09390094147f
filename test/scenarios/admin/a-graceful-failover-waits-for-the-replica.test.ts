import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Scope } from '../../../src/lifecycle/scope.ts';
import type { GracefulOutcome } from '../../../src/tunnel/graceful.ts';
import {
  ask,
  eventually,
  serveThrough,
  SlowLink,
  startCluster,
  withoutLeaks,
  Writer,
  type Cluster,
  type TunnelProcess,
} from '../../support/index.ts';

const token = 'a-token-of-the-tests';
const delayMs = 300;

/** A cluster whose replica is behind by `delayMs`, and a tunnel to it. */
async function withSlowReplica(
  run: (cluster: Cluster, tunnel: TunnelProcess, link: SlowLink) => Promise<void>,
): Promise<void> {
  await withoutLeaks(async () => {
    // A Sentinel has a replica of another address follow the master itself, but not before its failover-timeout.
    await using cluster = await startCluster({
      replicas: 1,
      failoverTimeoutMs: 120_000,
      downAfterMs: 30_000,
    });
    const [replica] = cluster.replicas;
    assert.ok(replica);
    await using link = await SlowLink.start(cluster.master.port, delayMs);
    await replica.command('REPLICAOF', link.host, link.port);
    await eventually(async () => (await replica.info('replication')).get('master_link_status') === 'up');
    await using tunnel = await serveThrough(cluster, { config: { admin: { listen: 0, token } } });
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    await run(cluster, tunnel, link);
  });
}

async function failOver(cluster: Cluster, tunnel: TunnelProcess, wishes: object) {
  return await ask(tunnel.adminPort, `/databases/${cluster.name}/failover`, {
    method: 'POST',
    headers: { authorization: `Bearer ${token}` },
    body: JSON.stringify({ graceful: true, finishMs: 10_000, ...wishes }),
  });
}

test('a graceful failover to a replica that is behind waits for it and loses nothing, whoever else writes to the master', async () => {
  await withSlowReplica(async (cluster, tunnel) => {
    await using scope = new Scope();
    const writers = Array.from({ length: 4 }, (_, index) =>
      scope.use(new Writer(tunnel.port(cluster.name), `w${index}`, 0)),
    );
    // Its writes go on: the replica never has what the master has, and need not.
    await using other = new Writer(cluster.master.port, 'past the tunnel', 1);
    await eventually(() => [...writers, other].every(({ acknowledged }) => acknowledged.length > 100));
    const answer = await failOver(cluster, tunnel, {});
    assert.equal(answer.status, 200, answer.text);
    const outcome = answer.json() as GracefulOutcome;
    assert.deepEqual(outcome.quiescence, { resting: 4, busy: 0 });
    assert.equal(outcome.lost.writes, 0, outcome.lost.why);
    assert.match(outcome.lost.why, /the last \d+ bytes of the old one came later/);
    assert.equal(outcome.catchUp.replicas, 1);
    const promoted = await cluster.awaitNewMaster(cluster.master);
    const before = writers.map(({ acknowledged }) => acknowledged.length);
    await eventually(() => writers.every(({ acknowledged }, at) => acknowledged.length > (before[at] ?? 0)));
    for (const writer of writers) {
      await writer.stop();
      const members = await promoted.command('SMEMBERS', writer.key);
      assert.ok(Array.isArray(members));
      assert.deepEqual(writer.lost(members), []);
    }
  });
});

test('a graceful failover is refused while the replica does not catch up, the clients go on, and one that follows loses nothing', async () => {
  await withSlowReplica(async (cluster, tunnel, link) => {
    await using writer = new Writer(tunnel.port(cluster.name), 'written', 0);
    await eventually(() => writer.acknowledged.length > 100);
    link.pause();
    const paused = writer.acknowledged.length;
    await eventually(() => writer.acknowledged.length > paused + 10);
    const refused = await failOver(cluster, tunnel, { maxLagWaitMs: 300 });
    assert.equal(refused.status, 409, refused.text);
    const { error, code } = refused.json() as { readonly error: string; readonly code: string };
    assert.equal(code, 'ST_FAILOVER_FAILED');
    assert.match(
      error,
      new RegExp(
        `^Cannot fail "mymaster" over without loss: replica 127\\.0\\.0\\.1:${cluster.replicas[0]?.port} lacks the last \\d+ bytes of the master, after \\d+ ms$`,
      ),
    );
    const before = writer.acknowledged.length;
    await eventually(() => writer.acknowledged.length > before + 10);
    assert.deepEqual(writer.errors, [], 'the same session goes on');
    link.resume();
    const answer = await failOver(cluster, tunnel, {});
    assert.equal(answer.status, 200, answer.text);
    const promoted = await cluster.awaitNewMaster(cluster.master);
    await writer.stop();
    const members = await promoted.command('SMEMBERS', writer.key);
    assert.ok(Array.isArray(members));
    assert.deepEqual(writer.lost(members), []);
  });
});

test('a graceful failover is refused while the replica does not answer, and says so', async () => {
  await withSlowReplica(async (cluster, tunnel) => {
    await using client = await tunnel.connect(cluster.name);
    const [replica] = cluster.replicas;
    assert.ok(replica);
    await eventually(async () => {
      const counted = (await cluster.master.info('replication')).get('slave0') ?? '';
      return /,offset=[1-9]/.test(counted); // it acknowledges once a second
    });
    cluster.freeze(replica);
    await client.command('SET', 'key', 'value');
    const refused = await failOver(cluster, tunnel, { maxLagWaitMs: 100 });
    cluster.thaw(replica);
    assert.equal(refused.status, 409, refused.text);
    assert.match(
      refused.text,
      /lacks the last \d+ bytes of the master \(.* has not answered .*\), after \d+ ms/,
    );
    assert.equal(await client.command('GET', 'key'), 'value', 'the same session goes on');
  });
});
