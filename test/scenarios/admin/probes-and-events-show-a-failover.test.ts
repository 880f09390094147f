import assert from 'node:assert/strict';
import type { Status } from '../../../src/admin/status.ts';
import type { FailoverRecord } from '../../../src/tunnel/failover-record.ts';
import {
  ask,
  awaitSubscribed,
  clusterScenario,
  EventStream,
  eventually,
  eventuallyPasses,
} from '../../support/index.ts';

interface Readiness {
  readonly status: number;
  readonly reasons: readonly string[];
}

clusterScenario(
  'the probes, the status and the events tell a failover from its beginning to its end',
  { tunnel: { config: { admin: { listen: 0 } } } },
  async ({ cluster, tunnel }) => {
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    const port = tunnel.adminPort;
    for (const path of ['/livez', '/readyz', '/startupz'])
      assert.equal((await ask(port, path)).status, 200, path);
    await using client = await tunnel.connect(cluster.name);
    await client.command('SET', 'key', 'value');

    await using events = await EventStream.open(port, '/events');
    const looks: Readiness[] = [];
    const over = new AbortController();
    const looking = (async () => {
      while (!over.signal.aborted) {
        const answer = await ask(port, '/readyz');
        const { reasons } = answer.json() as { reasons: string[] };
        if (looks.at(-1)?.reasons.join() !== reasons.join()) looks.push({ status: answer.status, reasons });
      }
    })();
    await awaitSubscribed(cluster.sentinels);
    // Without a replica that answers it is not over before it is seen.
    for (const replica of cluster.replicas) replica.freeze();
    await cluster.failover();
    await eventually(() => looks.some(({ status }) => status === 503));
    for (const replica of cluster.replicas) replica.thaw();
    const promoted = await cluster.awaitNewMaster(cluster.master);
    await tunnel.waitFor(({ event }) => event === 'failover.story');
    await eventually(() => looks.at(-1)?.status === 200);
    over.abort();
    await looking;

    assert.equal(looks.at(0)?.status, 200);
    const unready = looks.filter(({ status }) => status === 503);
    for (const { reasons } of unready)
      assert.match(reasons[0] ?? '', /^mymaster: fenced: a failover to \S+ has begun, announced by \S+/);

    await eventually(() => events.data().some(({ event }) => event === 'failover.story'));
    const told = new Set(events.data().map(({ event }) => String(event)));
    assert.deepEqual(
      [...told].filter((event) => event.startsWith('master.')),
      ['master.fenced', 'master.serving', 'master.confirmed'],
    );

    const master = `127.0.0.1:${promoted.port}`;
    await eventuallyPasses(async () => {
      const status = (await ask(port, '/status')).json() as Status;
      const [database] = status.databases;
      assert.equal(database?.master, master);
      assert.equal(database.lastFailover?.to, master);
      assert.equal(status.program.configFile, tunnel.configFile);
      assert.equal(status.sentinels.length, 3);
      for (const { state, subscription, said, latencyMs } of status.sentinels) {
        assert.deepEqual([state, subscription], ['up', 'subscribed']);
        assert.ok(latencyMs !== null && latencyMs > 0);
        assert.deepEqual(
          said.map(({ address, agrees }) => [address, agrees]),
          [[master, true]],
        );
      }
    });
    const { failovers } = (await ask(port, '/failovers?last=1')).json() as { failovers: FailoverRecord[] };
    assert.equal(failovers[0]?.to, master);
    assert.ok(failovers[0].lines.length > 3);

    // While it drains it is not ready, and says so to the last.
    await using pooled = await tunnel.connect(cluster.name);
    await pooled.command('PING');
    tunnel.signal('SIGTERM');
    await eventually(async () => (await ask(port, '/readyz')).text.includes('shutting down'), { everyMs: 5 });
    await pooled[Symbol.asyncDispose]();
    await client[Symbol.asyncDispose]();
    assert.equal((await tunnel.exited).code, 0);
  },
);

clusterScenario(
  'a Sentinel that is gone is told of, and readiness does not depend on it',
  {
    cluster: { replicas: 0 },
    tunnel: {
      config: { admin: { listen: 0 }, sentinel: { pollMs: 100 } },
    },
  },
  async ({ cluster, tunnel }) => {
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    await cluster.kill(cluster.sentinel(0));
    await eventuallyPasses(async () => {
      const status = (await ask(tunnel.adminPort, '/status')).json() as Status;
      const gone = status.sentinels.find(({ address }) => address === cluster.seeds[0]);
      assert.equal(gone?.state, 'down');
      assert.match(gone.said[0]?.text ?? '', /closed the connection|ECONNREFUSED/);
      assert.equal(gone.said[0]?.agrees, null);
    });
    assert.equal((await ask(tunnel.adminPort, '/readyz')).status, 200);
    await cluster.kill(cluster.master);
    await eventuallyPasses(async () => {
      const { status, text } = await ask(tunnel.adminPort, '/readyz');
      assert.equal(status, 503);
      assert.match(text, /lost: \S+ names \S+, which cannot be used: connection refused \(ECONNREFUSED\)/);
    });
  },
);
