import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import process from 'node:process';
import { Scope } from '../../../src/lifecycle/scope.ts';
import { main } from '../../cli/call.ts';
import {
  awaitServing,
  cannotMakeNamespaces,
  configThrough,
  eventually,
  failoverMs,
  RespClient,
  scenario,
  startThrough,
  Writer,
  type RedisProcess,
  type TunnelProcess,
} from '../../support/index.ts';
import { announcedHost, Site } from './site.ts';

const name = 'mymaster';

scenario('servers behind NAT', { skip: await cannotMakeNamespaces() }, async (t) => {
  await using site = await Site.start(name);
  const { app, gateway, group } = site;
  const source = { name, seeds: site.seeds };
  const start = (port: number, addressMap: object, holdMs: number): Promise<TunnelProcess> =>
    startThrough(source, {
      prefix: app.prefix,
      database: { listen: `${app.address}:${port}`, holdMs },
      config: { addressMap, sentinel: { replyMs: 20_000 } }, // who is merely slow is not down
    });
  const connect = (port: number): Promise<RespClient> => RespClient.connect(port, { host: app.address });
  /** What doctor says in the namespace of the application. */
  const doctor = async (dir: string, addressMap: object): Promise<string> => {
    const file = join(dir, 'doctor.json');
    const database = { listen: `${app.address}:7999` };
    await writeFile(file, JSON.stringify(configThrough(source, { database, config: { addressMap } })));
    const [command, ...args] = [...app.prefix, process.execPath, main, 'doctor', '--config', file];
    const { stdout, stderr } = spawnSync(command, args, { encoding: 'utf8', timeout: 60_000 });
    return stdout + stderr;
  };

  await t.test(
    'without addressMap the log, clients and doctor say who cannot be reached, and what to write',
    async () => {
      await using tunnel = await start(7000, {}, 500);
      const hint = `; if it has another address from here (NAT, containers), write that into addressMap`;
      const lost = async (why: string): Promise<void> => {
        const reason = `names ${announcedHost}:6379, which cannot be used: ${why}${hint}`;
        await tunnel.waitFor(
          (event) => event.event === 'master.lost' && String(event['reason']).includes(reason),
        );
        await using client = await connect(7000);
        assert.match(
          String(await client.readReply()),
          /^ReplyError: LOADING sentinel-tunnel: .*write that into addressMap; waited 500 ms$/,
        );
      };
      const remedy = `→ It answers as master at ${gateway}:6379: write addressMap: { "${announcedHost}": "${gateway}" };`;
      await lost('no route to its network (ENETUNREACH)');
      const unreachable = await doctor(tunnel.dir, {});
      assert.match(unreachable, /^broken {3}master-unreachable \(mymaster\)$/m);
      assert.ok(unreachable.includes(remedy), unreachable);
      // As with a firewall, or a network that is somebody else's: no word at all.
      await site.network.lose(app, announcedHost);
      await lost(`${announcedHost}:6379 has not accepted a connection within 500 ms`);
      const silent = await doctor(tunnel.dir, {});
      assert.ok(silent.includes(remedy), silent);
      const half = await doctor(tunnel.dir, { [`${announcedHost}:6379`]: `${gateway}:7379` });
      assert.match(half, /^Clients are served/m);
      for (const port of [6380, 6381]) {
        assert.ok(half.includes(`The replica ${announcedHost}:${port} cannot be reached from here`), half);
        assert.ok(half.includes(`or write addressMap: { "${announcedHost}:${port}": "HOST:PORT" }`), half);
      }
    },
  );

  await t.test(
    'with addressMap, in each of its forms, two failovers are followed by their clients',
    async () => {
      await using scope = new Scope();
      const maps = [site.exactMap, { [announcedHost]: gateway }, { '203.0.113.0/24': gateway }];
      const throughs = await Promise.all(
        maps.map(async (map, index) => {
          const port = 7001 + index;
          const tunnel = scope.use(await start(port, map, failoverMs));
          await awaitServing(tunnel, name);
          const doctored = index === 0 ? await doctor(tunnel.dir, map) : 'Clients are served';
          assert.match(doctored, /^Clients are served/m);
          assert.doesNotMatch(doctored, /unreachable|^broken/m);
          return { tunnel, port, writer: scope.use(new Writer(port, `key-${index}`, 5, app.address)) };
        }),
      );
      const follow = async (promoted: RedisProcess): Promise<void> => {
        for (const [index, { tunnel, port, writer }] of throughs.entries()) {
          const published = promoted.port + (index === 0 ? 1000 : 0);
          await awaitServing(tunnel, name, published);
          const before = writer.acknowledged.length;
          await eventually(() => writer.acknowledged.length > before + 10);
          await using client = await connect(port);
          assert.deepEqual(await client.command('CONFIG', 'GET', 'port'), ['port', String(promoted.port)]);
        }
      };
      await follow(group.master);
      const first = await group.failoverAndSettle();
      await follow(first);
      await first.kill();
      await follow(await group.awaitNewMaster(first));
      for (const { tunnel } of throughs) {
        assert.deepEqual(tunnel.events('session.refused'), []);
        assert.deepEqual(tunnel.events('sentinel.down'), []);
      }
    },
  );
});
