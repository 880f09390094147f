import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { call, type Called } from '../../cli/call.ts';
import {
  eventually,
  serveThrough,
  startCluster,
  withoutLeaks,
  Writer,
  type Cluster,
  type TunnelProcess,
} from '../../support/index.ts';

const token = 'a-token-of-the-tests';

type Do = (...args: readonly string[]) => Promise<Called>;

async function withTunnel(
  run: (cluster: Cluster, tunnel: TunnelProcess, act: Do) => Promise<void>,
): Promise<void> {
  await withoutLeaks(async () => {
    await using cluster = await startCluster();
    await using tunnel = await serveThrough(cluster, { config: { admin: { listen: 0, token } } });
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    const env = {
      SENTINEL_TUNNEL_ADMIN: `127.0.0.1:${String(tunnel.adminPort)}`,
      SENTINEL_TUNNEL_ADMIN_TOKEN: token,
    };
    await run(cluster, tunnel, (...args) => call(args, env));
  });
}

test('a held client waits and is served after the release; a cut one comes back; a reload says what has changed', async () => {
  await withTunnel(async (cluster, tunnel, act) => {
    await using before = await tunnel.connect(cluster.name);
    await before.command('SET', 'key', 'value');
    const held = await act('hold', cluster.name, '--for-ms', '60000');
    assert.equal(held.code, 0, held.stderr);
    assert.match(
      held.stdout,
      /^mymaster: held until \d\d:\d\d:\d\d, or until "sentinel-tunnel release mymaster": new clients wait, each for \d+ (?:s|min|min \d+ s) at most \(holdMs\), and then it is refused\n$/,
    );
    await using waiting = await tunnel.connect(cluster.name);
    const reply = waiting.command('GET', 'key');
    const status = await eventually(async () => {
      const called = await act('status');
      return called.stdout.includes('1 open, 1 held') && called;
    });
    assert.equal(status.code, 1);
    assert.match(
      status.stdout,
      /^NOT READY: mymaster\n\nmymaster {2}HELD: new clients wait, each is refused after [^,]+, open sessions stay on \S+\n {2}because +held by an operator, until \d\d:\d\d:\d\d, or "sentinel-tunnel release mymaster"\n/m,
    );
    assert.doesNotMatch(status.stdout, /SERVING/);
    assert.equal(await before.command('GET', 'key'), 'value', 'who was there goes on');
    assert.deepEqual(await act('release', cluster.name), {
      ...{ code: 0, stderr: '', stdout: 'mymaster: new clients are served again\n' },
    });
    assert.equal(await reply, 'value');
    assert.equal((await act('release', cluster.name)).stdout, 'mymaster: was not held\n');
    assert.equal((await act('status')).code, 0);

    const cut = await act('cut', cluster.name);
    assert.deepEqual([cut.code, cut.stdout], [0, 'mymaster: 2 sessions cut\n']);
    assert.ok(await before.closed);
    await using again = await tunnel.connect(cluster.name);
    assert.equal(await again.command('GET', 'key'), 'value');

    assert.equal((await act('reload')).stdout, 'Reloaded: nothing has changed\n');
    await writeFile(tunnel.configFile, '{');
    const refused = await act('reload');
    assert.equal(refused.code, 1);
    assert.match(refused.stderr, /\(ST_CONFIG_INVALID\)\n$/);

    const unknown = await act('cut', 'nosuch');
    assert.equal(unknown.code, 2);
    assert.match(unknown.stderr, /No database "nosuch", expected one of "mymaster"/);
    const denied = await call(['cut', cluster.name, '--admin', `127.0.0.1:${String(tunnel.adminPort)}`]);
    assert.equal(denied.code, 2);
    assert.match(denied.stderr, /wants a token: give the token by --token-file/);
  });
});

test('failover waits until the next master is served, under load, and tells the story; what Sentinel has against another one is passed on', async () => {
  await withTunnel(async (cluster, tunnel, act) => {
    await using writer = new Writer(tunnel.port(cluster.name), 'written');
    await eventually(() => writer.acknowledged.length > 10);
    const old = cluster.master.port;
    const moved = await act('failover', cluster.name);
    assert.equal(moved.code, 0, moved.stderr);
    assert.match(
      moved.stderr,
      /^mymaster: 127\.0\.0\.1:\d+ has begun a failover, waiting for the next master\n$/,
    );
    assert.match(
      moved.stdout,
      new RegExp(`^\\S+ mymaster moved from 127\\.0\\.0\\.1:${old} to 127\\.0\\.0\\.1:\\d+, generation`),
    );
    assert.match(moved.stdout, /^ {2}1 cut, \d+ held; .*served [\d.]+ ms/m);
    assert.match(moved.stdout, /^Acknowledged writes lost: not known; --graceful finds out$/m);
    assert.equal((await act('status')).code, 0);
    // Nobody is left who could be promoted, however long the next command takes to begin.
    const promoted = await cluster.masterNow();
    for (const server of cluster.servers) if (server !== promoted) await server.kill();
    const again = await act('failover', cluster.name, '--force');
    assert.equal(again.code, 1);
    assert.match(
      again.stderr,
      /refuses a failover of "mymaster": (INPROG|NOGOODSLAVE) .*\(ST_SENTINEL_REPLY_ERROR\)\n$/,
    );
    const acknowledged = writer.acknowledged.length;
    await eventually(() => writer.acknowledged.length > acknowledged);
    await writer.stop();
    assert.equal(writer.errors.length, 1, writer.errors.map(({ message }) => message).join('\n'));
  });
});

test('a graceful failover under load has no error but the cut, loses nothing that was acknowledged, and says so', async () => {
  await withTunnel(async (cluster, tunnel, act) => {
    await using one = new Writer(tunnel.port(cluster.name), 'one', 0);
    await using other = new Writer(tunnel.port(cluster.name), 'other', 0);
    const writers = [one, other];
    await eventually(() => writers.every(({ acknowledged }) => acknowledged.length > 20));
    const moved = await act('failover', cluster.name, '--graceful', '--finish-ms', '10000');
    assert.equal(moved.code, 0, moved.stderr);
    assert.match(moved.stdout, /^At rest before it began: 2 of 2 sessions$/m);
    assert.match(moved.stdout, /^Acknowledged writes lost: 0 \(the new master had everything/m);
    const promoted = await cluster.awaitNewMaster(cluster.master);
    assert.match(
      moved.stdout,
      new RegExp(`^\\S+ mymaster moved from \\S+ to 127\\.0\\.0\\.1:${promoted.port}, generation`),
    );
    const before = writers.map(({ acknowledged }) => acknowledged.length);
    await eventually(() => writers.every(({ acknowledged }, at) => acknowledged.length > (before[at] ?? 0)));
    for (const writer of writers) {
      await writer.stop();
      assert.ok(writer.errors.length <= 1, writer.errors.map(({ message }) => message).join('\n'));
      const members = await promoted.command('SMEMBERS', writer.key);
      assert.ok(Array.isArray(members));
      assert.deepEqual(writer.lost(members), []);
    }
  });
});
