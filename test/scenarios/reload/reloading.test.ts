import assert from 'node:assert/strict';
import { rename, writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { describe, test } from 'node:test';
import {
  awaitServing,
  eventually,
  FakeRedis,
  FakeSentinel,
  freePort,
  RespClient,
  TunnelProcess,
  withoutLeaks,
} from '../../support/index.ts';

interface Scene {
  readonly redis: FakeRedis;
  readonly sentinel: FakeSentinel;
  readonly tunnel: TunnelProcess;
  /** The configuration that it was started with. */
  readonly config: { readonly sentinels: string[]; readonly databases: Record<string, unknown>[] };
  readonly client: RespClient;
}

for (const engine of platform() === 'linux' ? ['streams', 'epoll'] : ['streams']) {
  /** A tunnel with one database and one client in it, who must be there at the end. */
  async function inScene(run: (scene: Scene) => Promise<void>): Promise<void> {
    await withoutLeaks(async () => {
      await using redis = await FakeRedis.start();
      const master = { host: '127.0.0.1', port: redis.port };
      await using sentinel = await FakeSentinel.start({ masters: { one: master, two: master } });
      const config = {
        sentinels: [sentinel.seed],
        databases: [{ name: 'one', listen: await freePort() }],
        engine,
        drainMs: 3000,
      };
      await using tunnel = await TunnelProcess.start({ config });
      await awaitServing(tunnel, 'one');
      await using client = await tunnel.connect('one');
      assert.equal(await client.command('PING'), 'PONG');
      await run({ redis, sentinel, tunnel, config, client });
      assert.equal(await client.command('PING'), 'PONG', 'the first session is still there');
      assert.equal(tunnel.events('master.serving').filter((event) => event['database'] === 'one').length, 1);
      await client.close();
      assert.deepEqual(await tunnel.stop(), { code: 0, signal: null });
    });
  }

  describe(`reloading, ${engine}`, () => {
    test('an unchanged file touches nothing and says so', () =>
      inScene(async ({ tunnel, config }) => {
        const told = await tunnel.reload(config);
        assert.deepEqual([told.event, told['changes']], ['config.reloaded', 0]);
        assert.equal(tunnel.events('listener.closed').length, 0);
      }));

    test('a wrong file changes nothing, and every problem is named', () =>
      inScene(async ({ tunnel, config }) => {
        const [one] = config.databases;
        const told = await tunnel.reload({ ...config, databases: [{ ...one, holdMs: -1 }], thread: 2 });
        assert.equal(told.event, 'config.reload-failed');
        assert.match(String(told['reason']), /2 problems/);
        const problems = told['problems'] as readonly string[];
        assert.equal(problems.length, 2);
        assert.match(problems.join('\n'), /^databases\[0\]\.holdMs: expected milliseconds/m);
        assert.match(problems.join('\n'), /^thread: unknown key, did you mean "threads"\?/m);
        const unreadable = await tunnel.reload('sentinels: [');
        assert.equal(unreadable.event, 'config.reload-failed');
        await using next = await tunnel.connect('one');
        assert.equal(await next.command('PING'), 'PONG');
        await rename(tunnel.configFile, `${tunnel.configFile}.away`);
        tunnel.signal('SIGHUP');
        await tunnel.waitFor(({ event, reason }) => {
          return event === 'config.reload-failed' && String(reason).includes('no such file');
        });
        await rename(`${tunnel.configFile}.away`, tunnel.configFile);
        const again = await tunnel.reload(config);
        assert.deepEqual([again.event, again['changes']], ['config.reloaded', 0]);
      }));

    test('limits change without cutting anybody', () =>
      inScene(async ({ tunnel, config }) => {
        const [one] = config.databases;
        const told = await tunnel.reload({
          ...config,
          databases: [{ ...one, maxConnections: 1, holdMs: 777 }],
        });
        assert.deepEqual(told['lines'], [
          'databases[one].holdMs: 10000 → 777 (new sessions, and those that wait)',
          'databases[one].maxConnections: 10000 → 1 (new sessions only)',
        ]);
        await using late = await tunnel.connect('one');
        await assert.rejects(late.command('PING'), /the limit of 1 connections to "one" is reached/);
        await tunnel.reload(config);
        await using next = await tunnel.connect('one');
        assert.equal(await next.command('PING'), 'PONG');
      }));

    test('listeners come and go one by one, and may change hands', () =>
      inScene(async ({ tunnel, config }) => {
        const [first, second] = [Number(config.databases[0]?.['listen']), await freePort()];
        await tunnel.reload({ ...config, databases: [{ name: 'one', listen: [first, second] }] });
        await using through = await RespClient.connect(second);
        assert.equal(await through.command('PING'), 'PONG');
        const swapped = [
          { name: 'one', listen: second },
          { name: 'two', listen: first },
        ];
        await tunnel.reload({ ...config, databases: swapped });
        assert.equal(await through.command('PING'), 'PONG');
        await awaitServing(tunnel, 'two');
        await tunnel.reload({
          ...config,
          databases: [
            { name: 'one', listen: first },
            { name: 'two', listen: second },
          ],
        });
        await using one = await RespClient.connect(first);
        await using two = await RespClient.connect(second);
        assert.equal(await one.command('PING'), 'PONG');
        assert.equal(await two.command('PING'), 'PONG');
        assert.equal(await through.command('PING'), 'PONG', 'it outlives the listener that it came through');
        assert.deepEqual(tunnel.events('listener.failed'), []);
        await tunnel.reload(config);
        await through.close();
      }));

    test('the port of a database that is gone is free for another one at once', () =>
      inScene(async ({ tunnel, config }) => {
        const port = await freePort();
        await tunnel.reload({ ...config, databases: [...config.databases, { name: 'two', listen: port }] });
        const told = await tunnel.reload({
          ...config,
          databases: [...config.databases, { name: 'three', listen: port }],
        });
        const steps = tunnel
          .events()
          .filter((event) => event['address'] === `127.0.0.1:${port}` || event === told)
          .map(({ event, ...rest }) => [event, rest['database']]);
        assert.deepEqual(steps, [
          ['listener.opened', 'two'],
          ['listener.closed', 'two'],
          ['listener.opened', 'three'],
          ['config.reloaded', undefined],
        ]);
        assert.deepEqual(tunnel.events('listener.failed'), []);
        await tunnel.reload(config);
        await assert.rejects(RespClient.connect(port), /ECONNREFUSED/);
      }));

    test('a listener that cannot be opened is tried again, and the rest is done', () =>
      inScene(async ({ tunnel, config }) => {
        const busy = await FakeRedis.start();
        const [own, free] = [Number(config.databases[0]?.['listen']), await freePort()];
        const told = await tunnel.reload({
          ...config,
          databases: [{ name: 'one', listen: [own, busy.port, free] }],
        });
        assert.equal(told.event, 'config.reloaded');
        const failed = tunnel.events('listener.failed');
        assert.deepEqual(
          failed.map((event) => event['address']),
          [`127.0.0.1:${busy.port}`],
        );
        await using next = await RespClient.connect(free);
        assert.equal(await next.command('PING'), 'PONG');
        const { port } = busy;
        await busy.close();
        await tunnel.waitFor(
          ({ event, address }) => event === 'listener.opened' && address === `127.0.0.1:${port}`,
        );
      }));

    test('sessions of a database that is removed have the time of a drain, and then are cut', () =>
      inScene(async ({ tunnel, config }) => {
        const two = { name: 'two', listen: await freePort() };
        await tunnel.reload({ ...config, databases: [...config.databases, two] });
        await awaitServing(tunnel, 'two');
        await using kept = await RespClient.connect(two.listen);
        assert.equal(await kept.command('PING'), 'PONG');
        const told = await tunnel.reload(config);
        assert.match(String(told['lines']), /databases\[two\]: removed/);
        assert.equal(await kept.command('PING'), 'PONG');
        await assert.rejects(RespClient.connect(two.listen), /ECONNREFUSED/);
        assert.equal(await kept.closed, 'reset');
      }));

    test('a storm of SIGHUP ends in the last file, and nobody notices', () =>
      inScene(async ({ tunnel, config, client }) => {
        const [one] = config.databases;
        for (let holdMs = 1; holdMs <= 40; holdMs += 1) {
          // In its place at once: a reload between must not find half a file.
          const written = `${tunnel.configFile}.next`;
          await writeFile(written, JSON.stringify({ ...config, databases: [{ ...one, holdMs }] }));
          await rename(written, tunnel.configFile);
          tunnel.signal('SIGHUP');
          assert.equal(await client.command('PING'), 'PONG');
        }
        await eventually(() => {
          return tunnel.events('config.reloaded').some((event) => String(event['lines']).includes('→ 40 '));
        });
        assert.deepEqual(tunnel.events('config.reload-failed'), []);
      }));

    test('the level of the log changes in place, and sessions are told from then on', () =>
      inScene(async ({ tunnel, config }) => {
        await tunnel.reload({ ...config, log: { level: 'debug' } });
        await using next = await tunnel.connect('one');
        assert.equal(await next.command('PING'), 'PONG');
        await tunnel.waitFor(({ event }) => event === 'session.opened');
      }));

    test('what a running process cannot change is said, and the rest is done', () =>
      inScene(async ({ tunnel, config }) => {
        const [one] = config.databases;
        const told = await tunnel.reload({ ...config, threads: 7, databases: [{ ...one, holdMs: 5 }] });
        assert.deepEqual(told['lines'], [
          'databases[one].holdMs: 10000 → 5 (new sessions, and those that wait)',
          'threads: 1 → 7 (needs a restart)',
        ]);
      }));

    test('every Sentinel may be replaced, one by one or all at once, and the master stays who it is', () =>
      inScene(async ({ tunnel, config, redis }) => {
        const masters = { one: { host: '127.0.0.1', port: redis.port } };
        await using a = await FakeSentinel.start({ masters });
        await using b = await FakeSentinel.start({ masters });
        await using c = await FakeSentinel.start({ masters });
        const [own = ''] = config.sentinels;
        const [one] = config.databases;
        const databases = [{ ...one, onSentinelLoss: 'refuse' }];
        const sentinel = { replyMs: 20_000 }; // who is merely slow keeps its link
        for (const sentinels of [[own, a.seed], [a.seed, b.seed], [c.seed], [a.seed, b.seed], [own]]) {
          const told = await tunnel.reload({ ...config, databases, sentinel, sentinels });
          assert.equal(told.event, 'config.reloaded');
          for (const seed of sentinels)
            await tunnel.waitFor((it) => it.event === 'sentinel.up' && it['sentinel'] === seed);
        }
        await eventually(() => [a, b, c].every(({ server }) => server.connections.length === 0));
        assert.deepEqual(tunnel.events('master.forbidden'), []);
        // Five links begin, each with a connection to ask on, one to listen on, and a short one to ask whom it knows.
        const links = a.accepted + b.accepted + c.accepted;
        assert.ok(links <= 15, `links that stay are left alone: ${String(links)} connections`);
      }));

    test('another way to speak to Sentinels replaces the links, and cuts nobody', () =>
      inScene(async ({ tunnel, config, sentinel }) => {
        await eventually(() => sentinel.server.connections.length === 2);
        const before = sentinel.accepted;
        await tunnel.reload({ ...config, sentinel: { replyMs: 20_000 } });
        await eventually(() => sentinel.accepted >= before + 2 && sentinel.server.connections.length === 2);
        assert.deepEqual(tunnel.events('sentinel.down'), []);
      }));
  });
}
