import assert from 'node:assert/strict';
import {
  awaitServing,
  awaitSubscribed,
  eventually,
  scenario,
  serveThrough,
  startCluster,
} from '../../support/index.ts';
import { isAlive } from '../../support/trio.ts';

scenario(
  'while a replica cannot follow, the leader announces the end seconds late, and that cuts nobody',
  async () => {
    await using cluster = await startCluster({ replicas: 2, failoverTimeoutMs: 6000 });
    // A password that the next master does not want: whichever replica is not promoted cannot follow the other.
    for (const replica of cluster.replicas) await replica.command('CONFIG', 'SET', 'masterauth', 'wrong');
    await using tunnel = await serveThrough(cluster, { args: ['--log-level', 'debug'] });
    await awaitSubscribed(cluster.sentinels);
    await cluster.failover(0);
    const fenced = await tunnel.waitFor(({ event }) => event === 'master.fenced');
    const promoted = cluster.replicas.find(({ port }) =>
      String(fenced['reason']).includes(`:${String(port)}`),
    );
    assert.ok(promoted);
    await awaitServing(tunnel, cluster.name, promoted.port);
    await using client = await tunnel.connect(cluster.name);
    assert.ok(await isAlive(client));

    const leader = cluster.seeds[0];
    const switches = (): number =>
      tunnel.events('sentinel.announced').filter(({ channel }) => channel === '+switch-master').length;
    await eventually(() => switches() >= 3);
    const last = tunnel.events('sentinel.announced').findLast(({ channel }) => channel === '+switch-master');
    assert.equal(last?.['sentinel'], leader);
    assert.ok(await isAlive(client));
    assert.equal(tunnel.events('master.serving').length, 2);
  },
);
