import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { Status } from '../../../src/admin/status.ts';
import type { Cluster, TunnelProcess } from '../../support/index.ts';
import {
  ask,
  awaitServing,
  clusterScenario,
  eventually,
  serveThrough,
  startCluster,
  withoutLeaks,
} from '../../support/index.ts';

const token = 'a-token-of-the-tests';
const headers = { authorization: `Bearer ${token}` };

async function post(tunnel: TunnelProcess, action: string, body = ''): Promise<readonly [number, unknown]> {
  const path = `/databases/mymaster/${action}`;
  const answer = await ask(tunnel.adminPort, path, { method: 'POST', headers, body });
  return [answer.status, answer.json()];
}

async function statusOf(tunnel: TunnelProcess): Promise<Status> {
  return (await ask(tunnel.adminPort, '/status', { headers })).json() as Status;
}

async function withTunnel(run: (cluster: Cluster, tunnel: TunnelProcess) => Promise<void>): Promise<void> {
  await withoutLeaks(async () => {
    await using cluster = await startCluster();
    await using tunnel = await serveThrough(cluster, { config: { admin: { listen: 0, token } } });
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    await run(cluster, tunnel);
  });
}

test('a hold keeps new clients waiting and leaves open ones alone, until it is released or expires', async () => {
  await withTunnel(async (cluster, tunnel) => {
    await using before = await tunnel.connect(cluster.name);
    await before.command('SET', 'key', 'before');
    const [code] = await post(tunnel, 'hold');
    assert.equal(code, 200);
    await using waiting = await tunnel.connect(cluster.name);
    const reply = waiting.command('GET', 'key');
    await eventually(async () => (await statusOf(tunnel)).databases[0]?.counters?.held === 1);
    assert.equal(await before.command('GET', 'key'), 'before', 'who was there goes on');
    const { ready, reasons, databases } = await statusOf(tunnel);
    assert.equal(ready, false);
    assert.match(reasons[0] ?? '', /^mymaster: held by an operator since \S+, until \S+$/);
    assert.equal(databases[0]?.phase, 'serving');
    assert.deepEqual(await post(tunnel, 'release'), [200, { version: 1, released: true }]);
    assert.equal(await reply, 'before');
    assert.deepEqual(await post(tunnel, 'release'), [200, { version: 1, released: false }]);
    const [released, ...more] = tunnel.events('database.released');
    assert.deepEqual(
      [released?.['database'], released?.['why'], more],
      ['mymaster', 'released by an operator', []],
    );
    assert.equal((await ask(tunnel.adminPort, '/readyz')).status, 200);

    await post(tunnel, 'hold', '{"forMs": 50}');
    await tunnel.waitFor(({ event, why }) => event === 'database.released' && why === 'it expired');
    await using after = await tunnel.connect(cluster.name);
    assert.equal(await after.command('GET', 'key'), 'before');
    assert.equal(await before.command('GET', 'key'), 'before');

    // What Sentinel says still counts: a failover under a hold cuts, and leads to the new master once released.
    await post(tunnel, 'hold');
    const promoted = await cluster.failoverAndSettle();
    await awaitServing(tunnel, cluster.name, promoted.port);
    assert.ok(await before.closed);
    await using next = await tunnel.connect(cluster.name);
    const role = next.command('ROLE');
    await eventually(async () => (await statusOf(tunnel)).databases[0]?.counters?.held === 1);
    await post(tunnel, 'release');
    assert.equal((await role)?.[0 as never], 'master');
  });
});

test('a cut ends every session once, and the clients come back to the same master', async () => {
  await withTunnel(async (cluster, tunnel) => {
    const clients = await Promise.all(Array.from({ length: 5 }, () => tunnel.connect(cluster.name)));
    for (const client of clients) await client.command('PING');
    const { databases: before } = await statusOf(tunnel);
    assert.deepEqual(await post(tunnel, 'cut'), [200, { version: 1, cut: 5 }]);
    for (const client of clients) assert.ok(await client.closed);
    await using again = await tunnel.connect(cluster.name);
    await again.command('PING');
    const { databases: after } = await eventually(async () => {
      const status = await statusOf(tunnel);
      return status.databases[0]?.counters?.ended.evicted === 5 && status;
    });
    assert.equal(after[0]?.generation, before[0]?.generation);
    assert.deepEqual(await post(tunnel, 'cut'), [200, { version: 1, cut: 1 }]);
    await eventually(() => tunnel.events('admin.acted').length >= 2);
    assert.deepEqual(
      tunnel.events('admin.acted').map(({ who, action, database }) => [who, action, database]),
      [
        ['127.0.0.1', 'cut', 'mymaster'],
        ['127.0.0.1', 'cut', 'mymaster'],
      ],
    );
  });
});

test('a failover is begun by a Sentinel, and what it has against another one is passed on', async () => {
  await withTunnel(async (cluster, tunnel) => {
    // So that the first one is not over before the second is asked for.
    for (const replica of cluster.replicas) replica.freeze();
    const [code, answer] = await post(tunnel, 'failover');
    assert.equal(code, 200);
    assert.ok(cluster.seeds.includes((answer as { sentinel: string }).sentinel));
    const [again, refusal] = await post(tunnel, 'failover', '{"force": true}');
    assert.equal(again, 409);
    assert.match((refusal as { error: string }).error, /refuses a failover of "mymaster": INPROG [^()]+$/);
    for (const replica of cluster.replicas) replica.thaw();
    await cluster.awaitNewMaster(cluster.master);
    await tunnel.waitFor(({ event }) => event === 'failover.story');
    assert.notEqual((await statusOf(tunnel)).databases[0]?.master, `127.0.0.1:${cluster.master.port}`);
    assert.equal(tunnel.events('failover.ordered').length, 1);
  });
});

clusterScenario(
  'without a replica there is no failover, and that is said',
  { cluster: { replicas: 0, sentinels: 1 }, tunnel: { config: { admin: { listen: 0, token } } } },
  async ({ cluster, tunnel }) => {
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    const [code, refusal] = await post(tunnel, 'failover');
    assert.equal(code, 409);
    assert.match((refusal as { error: string }).error, /NOGOODSLAVE [^()]+$/);
    await cluster.kill(cluster.sentinel(0));
    await eventually(async () => (await statusOf(tunnel)).sentinels[0]?.state === 'down');
    const [, unlisted] = await post(tunnel, 'failover');
    assert.match((unlisted as { error: string }).error, /no Sentinel lists its replicas/);
    const [unreachable, why] = await post(tunnel, 'failover', '{"force": true}');
    assert.equal(unreachable, 409);
    assert.match((why as { error: string }).error, /no Sentinel that answers monitors it/);
  },
);
