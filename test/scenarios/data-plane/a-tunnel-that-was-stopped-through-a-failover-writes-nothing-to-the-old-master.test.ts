import assert from 'node:assert/strict';
import { readdir, readFile } from 'node:fs/promises';
import { clusterScenario, eventually, lacksProc, type RespClient } from '../../support/index.ts';

/** Whether every thread has stopped: the signal takes a moment to reach them all (proc(5), `/proc/pid/task/tid/stat`). */
async function hasStopped(pid: number): Promise<boolean> {
  const threads = await readdir(`/proc/${String(pid)}/task`);
  const states = threads.map(async (thread) => {
    const stat = await readFile(`/proc/${String(pid)}/task/${thread}/stat`, 'latin1');
    return stat.slice(stat.lastIndexOf(')') + 2)[0];
  });
  return (await Promise.all(states)).every((state) => state === 'T');
}

const key = 'numbers';
const writers = 40;

clusterScenario(
  'what clients send while the tunnel is stopped through a failover is not acknowledged by the old master',
  { skip: lacksProc, cluster: { replicas: 1 } },
  async ({ cluster, tunnel }) => {
    const clients: RespClient[] = [];
    try {
      for (let number = 0; number < writers; number += 1) clients.push(await tunnel.connect(cluster.name));
      await Promise.all(clients.map((client) => client.command('PING')));
      tunnel.freeze();
      await eventually(() => hasStopped(tunnel.pid), { everyMs: 2 });
      const writes = clients.map((client, number) => client.command('SADD', key, number));
      const settled = Promise.allSettled(writes);
      const promoted = await cluster.failoverAndSettle();
      // It has not been demoted yet: it would take the writes, and they would be lost.
      const role = await cluster.master.command('ROLE');
      assert.ok(Array.isArray(role) && role[0] === 'master');
      tunnel.thaw();
      const results = await settled;
      const acknowledged = results.flatMap(({ status }, number) => (status === 'fulfilled' ? [number] : []));
      const kept = await promoted.command('SMEMBERS', key);
      assert.ok(Array.isArray(kept));
      assert.deepEqual(
        acknowledged.filter((number) => !kept.includes(String(number))),
        [],
      );
      assert.deepEqual(await cluster.master.command('SMEMBERS', key), []);
      await tunnel.waitFor(({ event }) => event === 'tunnel.stalled');
    } finally {
      await Promise.all(clients.map((client) => client.close()));
    }
  },
);

clusterScenario(
  'sessions outlive a tunnel that was stopped, where the master has not changed',
  { cluster: { replicas: 1 } },
  async ({ cluster, tunnel }) => {
    await using client = await tunnel.connect(cluster.name);
    assert.equal(await client.command('SET', 'a', '1'), 'OK');
    for (let count = 1; count <= 2; count += 1) {
      tunnel.freeze();
      const reply = client.command('GET', 'a');
      await new Promise((resolve) => setTimeout(resolve, 1000));
      tunnel.thaw();
      assert.equal(await reply, '1');
      await eventually(() => tunnel.events('tunnel.stalled').length >= count);
    }
    await using another = await tunnel.connect(cluster.name);
    assert.equal(await another.command('GET', 'a'), '1');
  },
);
