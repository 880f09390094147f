import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { platform } from 'node:os';
import type { TestContext } from 'node:test';
import { Scope } from '../../../src/lifecycle/scope.ts';
import {
  awaitFormed,
  awaitServing,
  cannotServeNames,
  configThrough,
  eventually,
  Group,
  HostsFile,
  NameServer,
  RedisProcess,
  scenario,
  startCluster,
  startThrough,
  TunnelProcess,
} from '../../support/index.ts';

const engines = platform() === 'linux' ? ['streams', 'epoll'] : ['streams'];
const skip = await cannotServeNames();

/** Nothing here takes as long without the name server. It is far less than one look-up at a silent one (10 s). */
const soonMs = 5_000;

/** In a top level domain of nobody (RFC 6761), with a final dot, so that no search domain is tried as well. */
const dead = 'dead.test.';

/** What is learnt from the Sentinels leads to addresses, and these tests are about names. */
const byName = { sentinel: { discover: false } };

scenario('a Sentinel whose name server is silent', { skip }, async (t) => {
  await bySentinel(t);
});

scenario('a master whose name server is silent', { skip }, async (t) => {
  await byMaster(t);
});

async function bySentinel(t: TestContext): Promise<void> {
  await using cluster = await startCluster({ replicas: 0, sentinels: 2 });
  const { name, sentinels } = cluster;
  await using nameServer = await NameServer.start({ 's0.test': '127.0.0.1', 's1.test': '127.0.0.1' });
  nameServer.isSilent = true;
  const { prefix } = nameServer;
  const live = sentinels.map(({ port }, index) => `s${String(index)}.test:${String(port)}`);

  await t.test('listed first delays no other', async () => {
    const seeds = [`${dead}:26379`, ...live];
    await using tunnel = await startThrough({ name, seeds }, { prefix, config: byName });
    await awaitServing(tunnel, name, cluster.master.port, soonMs);
    assert.equal((await tunnel.stop()).code, 0);
  });

  await t.test('listed last does not hinder that another is heard again', async () => {
    const seeds = [...live, `${dead}:26379`];
    await using tunnel = await startThrough({ name, seeds }, { prefix, config: byName });
    await awaitServing(tunnel, name);
    const before = nameServer.timesAsked('dead.test');
    await eventually(() => nameServer.timesAsked('dead.test') >= before + 2);
    const [restarted] = sentinels;
    assert.ok(restarted);
    const isOfIt = (event: object): boolean => 'sentinel' in event && event.sentinel === live[0];
    await restarted.kill();
    await tunnel.waitFor((event) => event.event === 'sentinel.down' && isOfIt(event));
    await restarted.restart();
    await tunnel.waitFor(
      (event) => isOfIt(event) && event.event === 'sentinel.up' && isAfterDown(tunnel, event),
      { withinMs: 2 * soonMs },
    );
  });

  await t.test(
    'forty times over delays no other, and keeps the tunnel from ending in time neither',
    async () => {
      const seeds = Array.from({ length: 40 }, (_, index) => `dead${String(index)}.test.:26379`);
      seeds.push(live[0] ?? '');
      await using tunnel = await startThrough({ name, seeds }, { prefix, config: byName });
      await awaitServing(tunnel, name, cluster.master.port, soonMs);
      await eventually(() => nameServer.timesAsked('dead39.test') > 0);
      const children = await childrenOf(tunnel.pid);
      assert.equal(children.length, 1);
      const beganMs = performance.now();
      assert.equal((await tunnel.stop()).code, 0);
      const tookMs = performance.now() - beganMs;
      assert.ok(tookMs < soonMs, `the stop took ${String(Math.round(tookMs))} ms`);
      for (const child of children) assert.ok(!(await isRunning(child)));
    },
  );

  await t.test('is no reason to outlive a tunnel that is killed', async () => {
    await using tunnel = await startThrough({ name, seeds: [`${dead}:26379`] }, { prefix });
    const [child] = await eventually(async () => {
      const children = await childrenOf(tunnel.pid);
      return children.length > 0 && children;
    });
    assert.ok(child);
    tunnel.signal('SIGKILL');
    await tunnel.exited;
    await eventually(async () => !(await isRunning(child)));
  });
}

async function byMaster(t: TestContext): Promise<void> {
  await using scope = new Scope();
  const [redis, plain] = [
    scope.use(await RedisProcess.start({ host: '127.0.1.1' })),
    scope.use(await RedisProcess.start()),
  ];
  const later = scope.use(await RedisProcess.start({ host: '127.0.1.2', port: redis.port }));
  const [host, otherHost] = ['redis.test', 'other.test'];
  const hosts = scope.use(await HostsFile.create({ [host]: '127.0.1.1', [otherHost]: '127.0.0.1' }));
  const [named, other] = ['mymaster', 'other'];
  const sentinel = scope.use(
    await RedisProcess.start({
      sentinel: true,
      prefix: hosts.prefix,
      config: [
        'sentinel resolve-hostnames yes',
        'sentinel announce-hostnames yes',
        `sentinel monitor ${named} ${host} ${String(redis.port)} 1`,
        `sentinel monitor ${other} ${otherHost} ${String(plain.port)} 1`,
        `sentinel down-after-milliseconds ${named} 60000`,
      ],
    }),
  );
  await awaitFormed(new Group(named, redis, [], [sentinel]));
  const source = { name: named, seeds: [`127.0.0.1:${String(sentinel.port)}`] };

  for (const engine of engines) {
    const start = (nameServer: NameServer): Promise<TunnelProcess> =>
      TunnelProcess.start({
        prefix: nameServer.prefix,
        config: configThrough(source, { names: [named, other], config: { engine, ...byName } }),
      });

    await t.test(`is served when it answers again, and others all along: ${engine}`, async () => {
      await using nameServer = await NameServer.start({ [otherHost]: '127.0.0.1' });
      nameServer.isSilent = true;
      await using tunnel = await start(nameServer);
      await using waiting = await tunnel.connect(named);
      const answered = waiting.command('PING');
      await awaitServing(tunnel, other, plain.port, soonMs);
      await using client = await tunnel.connect(other);
      assert.equal(await client.command('PING'), 'PONG');
      await eventually(() => nameServer.timesAsked(host) > 0);
      nameServer.addresses.set(host, '127.0.1.1');
      nameServer.isSilent = false;
      await awaitServing(tunnel, named, redis.port);
      assert.equal(await answered, 'PONG');
    });

    await t.test(`is served at its last address, until there is another: ${engine}`, async () => {
      await using nameServer = await NameServer.start({ [otherHost]: '127.0.0.1' });
      nameServer.addresses.set(host, '127.0.1.1');
      await using tunnel = await start(nameServer);
      await awaitServing(tunnel, named);
      assert.equal(await whoServes(tunnel, named), '127.0.1.1');
      nameServer.isSilent = true;
      const asked = nameServer.timesAsked(host);
      await eventually(async () => {
        const beganMs = performance.now();
        assert.equal(await whoServes(tunnel, named), '127.0.1.1');
        assert.ok(performance.now() - beganMs < soonMs);
        return nameServer.timesAsked(host) > asked;
      });
      nameServer.addresses.set(host, '127.0.1.2');
      nameServer.isSilent = false;
      await eventually(async () => (await whoServes(tunnel, named)) === '127.0.1.2');
      assert.deepEqual(tunnel.events('session.refused'), []);
      assert.ok(later.isRunning);
    });
  }
}

/** The address on which the server listens that a new connection leads to. */
async function whoServes(tunnel: TunnelProcess, database: string): Promise<unknown> {
  await using client = await tunnel.connect(database);
  const reply = await client.command('CONFIG', 'GET', 'bind');
  return Array.isArray(reply) ? reply[1] : reply;
}

function isAfterDown(tunnel: TunnelProcess, up: object): boolean {
  const events = tunnel.events();
  return events
    .slice(
      0,
      events.findIndex((event) => event === up),
    )
    .some(({ event }) => event === 'sentinel.down');
}

async function childrenOf(pid: number): Promise<readonly number[]> {
  const text = await readFile(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8');
  return text.trim().split(/\s+/).filter(Boolean).map(Number);
}

/** Nobody may have waited for one that has ended and whose parent was killed: then it is there, and runs nothing. */
async function isRunning(pid: number): Promise<boolean> {
  return (await readFile(`/proc/${String(pid)}/cmdline`, 'utf8').catch(() => '')) !== '';
}
