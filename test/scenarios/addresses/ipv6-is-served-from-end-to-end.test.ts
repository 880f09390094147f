import assert from 'node:assert/strict';
import { networkInterfaces, platform } from 'node:os';
import { Scope } from '../../../src/lifecycle/scope.ts';
import { call } from '../../cli/call.ts';
import {
  awaitServing,
  eventually,
  RespClient,
  scenario,
  serveThrough,
  startCluster,
  Writer,
  type TunnelProcess,
} from '../../support/index.ts';

/** An address that would run into its port. */
const bare = /(?<!\[)::1/;
const engines = platform() === 'linux' ? ['streams', 'epoll'] : ['streams'];
const hasIpv6 = Object.values(networkInterfaces()).some((each) =>
  each?.some(({ address }) => address === '::1'),
);

scenario('IPv6 from end to end', { skip: !hasIpv6 && 'this machine has no ::1' }, async (t) => {
  await using cluster = await startCluster({ host: '::1', replicas: 1 });
  await using scope = new Scope();
  const { name, master, seeds } = cluster;
  const start = async (engine: string): Promise<TunnelProcess> =>
    scope.use(
      await serveThrough(cluster, {
        database: { listen: '[::1]:0' },
        config: { engine, admin: { listen: '[::1]:0' }, sentinel: { replyMs: 20_000 } },
      }),
    );
  const tunnels = await Promise.all(engines.map(start));
  const writers = tunnels.map((tunnel, index) => {
    return scope.use(new Writer(tunnel.port(name), `key-${index}`, 1, '::1'));
  });
  await eventually(() => writers.every(({ acknowledged }) => acknowledged.length > 20));
  const promoted = await cluster.failoverAndSettle();

  for (const [index, tunnel] of tunnels.entries()) {
    await t.test(
      `${engines[index] ?? ''}: a failover is followed, and addresses stand in brackets`,
      async () => {
        await awaitServing(tunnel, name, promoted.port);
        const writer = writers[index];
        const acknowledged = writer?.acknowledged.length ?? 0;
        await eventually(() => (writer?.acknowledged.length ?? 0) > acknowledged + 20);
        await using client = await RespClient.connect(tunnel.port(name), { host: '::1' });
        assert.deepEqual(await client.command('CONFIG', 'GET', 'port'), ['port', String(promoted.port)]);

        await tunnel.waitFor(({ event }) => event === 'failover.story');
        const [story] = tunnel.events('failover.story');
        assert.deepEqual(
          [story?.['from'], story?.['to']],
          [`[::1]:${master.port}`, `[::1]:${promoted.port}`],
        );
        assert.equal(tunnel.events('listener.opened')[0]?.['address'], `[::1]:${tunnel.port(name)}`);
        const sentinels = tunnel.events('sentinel.up').map(({ sentinel }) => String(sentinel));
        assert.deepEqual(sentinels.toSorted(), seeds.toSorted());
        // Only the lines of a story have the words of a Sentinel, who writes addresses in its own way.
        const told = tunnel.events().map((event) => JSON.stringify({ ...event, lines: undefined }));
        assert.doesNotMatch(told.join('\n'), bare);

        const status = await call(['status', '--admin', `[::1]:${tunnel.adminPort}`]);
        assert.equal(status.code, 0, status.stderr);
        assert.doesNotMatch(status.stdout, bare);
        const checked = await call(['check', '--config', tunnel.configFile]);
        assert.equal(checked.code, 0, checked.stdout);
        assert.doesNotMatch(checked.stdout, bare);
        for (const said of [`[::1]:${promoted.port}`, ...seeds]) {
          assert.ok(status.stdout.includes(said), status.stdout);
          assert.ok(checked.stdout.includes(said), checked.stdout);
        }
      },
    );
  }
});
