import assert from 'node:assert/strict';
import { platform } from 'node:os';
import { Scope } from '../../../src/lifecycle/scope.ts';
import {
  awaitFormed,
  awaitServing,
  cannotNameHosts,
  eventually,
  freePort,
  Group,
  HostsFile,
  RedisProcess,
  scenario,
  startThrough,
  type RespClient,
  type TunnelProcess,
} from '../../support/index.ts';

const name = 'mymaster';
const [a, b] = ['redis-a.test', 'redis-b.test']; // a top level domain of nobody (RFC 6761)
const engines = platform() === 'linux' ? ['streams', 'epoll'] : ['streams'];

scenario('real Sentinels that announce host names', { skip: await cannotNameHosts() }, async (t) => {
  await using scope = new Scope();
  const hosts = scope.use(await HostsFile.create({ [a]: '127.0.1.1', [b]: '127.0.1.2' }));
  const { prefix } = hosts;
  const start = async (
    host: string,
    config: readonly string[] = [],
    more: { port?: number; sentinel?: boolean } = {},
  ): Promise<RedisProcess> => scope.use(await RedisProcess.start({ host, prefix, config, ...more }));
  const master = await start('127.0.1.1', [`replica-announce-ip ${a}`]);
  const port = await freePort('127.0.1.2');
  const replica = await start('127.0.1.2', [`replica-announce-ip ${b}`, `replicaof ${a} ${master.port}`], {
    port,
  });
  // Where the name of the replica will lead later, and later again.
  const later = await start('127.0.1.3', [], { port });
  const last = await start('127.0.1.4', [], { port });
  await eventually(async () => {
    await master.command('PUBLISH', 'replication', 'begins');
    return Number((await replica.info('replication')).get('slave_repl_offset')) > 0;
  });
  const watching = [
    'sentinel resolve-hostnames yes',
    'sentinel announce-hostnames yes',
    `sentinel monitor ${name} ${a} ${master.port} 1`,
    // Nothing that happens here is a failure for it.
    `sentinel down-after-milliseconds ${name} 60000`,
    `sentinel known-replica ${name} ${b} ${port}`,
  ];
  const sentinel = await start('127.0.0.1', watching, { sentinel: true });
  const group = new Group(name, master, [replica], [sentinel]);
  await awaitFormed(group);
  const source = { name, seeds: [`127.0.0.1:${sentinel.port}`] };
  const tunnels: TunnelProcess[] = [];
  for (const engine of engines) {
    tunnels.push(scope.use(await startThrough(source, { prefix, config: { engine } })));
  }
  const ofAll = (run: (tunnel: TunnelProcess) => Promise<void>): Promise<unknown> =>
    Promise.all(tunnels.map(run));

  await t.test('are followed by name through a failover', async () => {
    await ofAll(async (tunnel) => {
      await awaitServing(tunnel, name);
      assert.equal(tunnel.events('master.serving')[0]?.['endpoint'], `${a}:${master.port}`);
      assert.equal(await whoServes(tunnel), '127.0.1.1');
    });
    await group.failoverAndSettle();
    await ofAll(async (tunnel) => {
      await awaitServing(tunnel, name, port);
      assert.equal(tunnel.events('master.serving').at(-1)?.['endpoint'], `${b}:${port}`);
      assert.equal(await whoServes(tunnel), '127.0.1.2');
    });
  });

  await t.test('and a name that moves is where new connections go, open ones staying', async () => {
    await using clients = new Scope();
    const open = new Map<TunnelProcess, RespClient>();
    await ofAll(async (tunnel) => {
      const client = clients.use(await tunnel.connect(name));
      assert.equal(await client.command('PING'), 'PONG');
      open.set(tunnel, client);
    });
    await hosts.say({ [a]: '127.0.1.1', [b]: '127.0.1.3' });
    await ofAll(async (tunnel) => {
      await eventually(async () => (await whoServes(tunnel)) === '127.0.1.3');
      assert.deepEqual(await open.get(tunnel)?.command('CONFIG', 'GET', 'bind'), ['bind', '127.0.1.2']);
    });
  });

  await t.test('and one whose server is gone is looked up again at once', async () => {
    await ofAll(async (tunnel) => {
      assert.equal(await whoServes(tunnel), '127.0.1.3');
    });
    await hosts.say({ [a]: '127.0.1.1', [b]: '127.0.1.4' });
    await later.kill();
    await ofAll(async (tunnel) => {
      assert.equal(await whoServes(tunnel), '127.0.1.4');
    });
    assert.ok(last.isRunning);
    for (const tunnel of tunnels) assert.deepEqual(tunnel.events('session.refused'), []);
  });
});

/** The address on which the server listens that a new connection leads to. */
async function whoServes(tunnel: TunnelProcess): Promise<unknown> {
  await using client = await tunnel.connect(name);
  const reply = await client.command('CONFIG', 'GET', 'bind');
  return Array.isArray(reply) ? reply[1] : reply;
}
