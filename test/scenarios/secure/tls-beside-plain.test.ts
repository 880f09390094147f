import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { test } from 'node:test';
import { call } from '../../cli/call.ts';
import {
  ask,
  Certificates,
  configThrough,
  eventually,
  freePort,
  RedisProcess,
  serveThrough,
  withoutLeaks,
  type Source,
  type TunnelProcess,
} from '../../support/index.ts';

const name = 'mymaster';

/** Servers on addresses of their own, all with one plain port, which is announced, and one for TLS beside it. */
interface Site extends Source {
  readonly plainPort: number;
  readonly tlsPort: number;
  readonly caFile: string;
  readonly servers: readonly RedisProcess[];
}

async function withSite(run: (site: Site) => Promise<void>): Promise<void> {
  await withoutLeaks(async () => {
    await using certificates = await Certificates.make();
    const [masterHost, replicaHost] = ['127.0.0.2', '127.0.0.3'];
    const { certFile, keyFile } = await certificates.issue('server', {
      names: [`IP:${masterHost}`, `IP:${replicaHost}`],
    });
    const [plainPort, tlsPort] = [await freePort(), await freePort()];
    const config = (host: string): readonly string[] => [
      ...[`tls-port ${tlsPort}`, `tls-cert-file ${certFile}`, `tls-key-file ${keyFile}`],
      ...[`tls-ca-cert-file ${certificates.caFile}`, 'tls-auth-clients no', `replica-announce-ip ${host}`],
    ];
    await using master = await RedisProcess.start({
      host: masterHost,
      port: plainPort,
      config: config(masterHost),
    });
    const following = [...config(replicaHost), `replicaof ${masterHost} ${plainPort}`];
    await using replica = await RedisProcess.start({ host: replicaHost, port: plainPort, config: following });
    await eventually(async () => (await replica.info('replication')).get('master_link_status') === 'up');
    await using sentinel = await RedisProcess.start({
      sentinel: true,
      config: [
        `sentinel monitor ${name} ${masterHost} ${plainPort} 1`,
        `sentinel known-replica ${name} ${replicaHost} ${plainPort}`,
      ],
    });
    const seeds = [`127.0.0.1:${sentinel.port}`];
    await run({ name, seeds, plainPort, tlsPort, caFile: certificates.caFile, servers: [master, replica] });
  });
}

const token = 'a-token-of-the-tests';

/** A failover of the first server to the second, through `tunnel`, which dials both at `port`. */
async function failOver({ servers }: Site, tunnel: TunnelProcess, port: number): Promise<void> {
  assert.equal(servers.length, 2);
  await tunnel.waitFor(({ event }) => event === 'admin.opened');
  await using client = await tunnel.connect(name);
  assert.equal(await client.command('SET', 'key', 'value'), 'OK');
  await eventually(async () => {
    const { status, text } = await ask(tunnel.adminPort, `/databases/${name}/failover`, {
      method: 'POST',
      headers: { authorization: `Bearer ${token}` },
      body: JSON.stringify({ graceful: true, finishMs: 10_000 }),
    });
    if (text.includes('NOGOODSLAVE')) return false; // the Sentinel has not looked at the replica yet
    assert.equal(status, 200, text);
    return true;
  });
  assert.ok(['fin', 'reset'].includes(await client.closed));
  const story = await tunnel.waitFor(({ event }) => event === 'failover.story');
  assert.deepEqual([story['from'], story['to']], [`127.0.0.2:${port}`, `127.0.0.3:${port}`]);
  assert.match(
    String(story['trigger']),
    /^a failover to 127\.0\.0\.3:\d+ has begun/,
    'fenced at the announcement',
  );
  await using again = await tunnel.connect(name);
  assert.equal(await again.command('GET', 'key'), 'value');
}

for (const way of ['redis.port', 'addressMap'] as const)
  test(`servers with TLS beside plain are reached by ${way} alone, the next master included`, async () => {
    await withSite(async (site) => {
      const { tlsPort, caFile } = site;
      const tls = { ca: caFile };
      const config = {
        engine: 'auto',
        admin: { listen: 0, token },
        ...(way === 'redis.port'
          ? { redis: { tls, port: tlsPort } }
          : { redis: { tls }, addressMap: { '127.0.0.0/8': `:${tlsPort}` } }),
      };
      await using tunnel = await serveThrough(site, { config });
      assert.equal(tunnel.events('master.serving')[0]?.['endpoint'], `127.0.0.2:${tlsPort}`);
      const checked = await call(['check', '--config', tunnel.configFile]);
      assert.match(checked.stdout, new RegExp(`127\\.0\\.0\\.2:${tlsPort}`));
      const { stdout } = await call(['doctor', '--config', tunnel.configFile]);
      assert.doesNotMatch(stdout, /master-|replica-/, 'the replica is looked at where it speaks TLS');
      await failOver(site, tunnel, tlsPort);
      assert.deepEqual(tunnel.events('sentinel.down'), []);
    });
  });

test('one master in two databases, one plain and one with TLS at another port: both follow a failover at its announcement', async () => {
  await withSite(async (site) => {
    const { tlsPort, plainPort, caFile } = site;
    const secured = { name, listen: 0, redis: { tls: { ca: caFile }, port: tlsPort } };
    const config = { engine: 'auto', admin: { listen: 0, token }, databases: [{ name, listen: 0 }, secured] };
    await using tunnel = await serveThrough(site, { config });
    const served = (port: number, host: string): boolean =>
      tunnel.events('master.serving').some(({ endpoint }) => endpoint === `${host}:${port}`);
    await eventually(() => [plainPort, tlsPort].every((port) => served(port, '127.0.0.2')));
    await failOver(site, tunnel, plainPort);
    await eventually(() => [plainPort, tlsPort].every((port) => served(port, '127.0.0.3')));
    const fenced = tunnel
      .events('master.fenced')
      .map(({ endpoint, reason }) => `${String(endpoint)} ${String(reason)}`);
    assert.deepEqual(fenced.length, 2, fenced.join('\n'));
    for (const port of [plainPort, tlsPort])
      assert.ok(
        fenced.some((each) => each.includes(`127.0.0.3:${port}`)),
        fenced.join('\n'),
      );
  });
});

test('another redis.port by a reload opens the tunnel again at that port', async () => {
  await withSite(async (site) => {
    const { tlsPort, plainPort } = site;
    await using tunnel = await serveThrough(site, { database: { redis: { port: plainPort } } });
    await using client = await tunnel.connect(name);
    assert.equal(await client.command('PING'), 'PONG');
    const config = configThrough(site, { database: { redis: { port: tlsPort }, holdMs: 300 } });
    await writeFile(tunnel.configFile, JSON.stringify(config));
    tunnel.signal('SIGHUP');
    const { lines } = await tunnel.waitFor(({ event }) => event === 'config.reloaded');
    assert.ok(
      (lines as readonly string[]).includes(
        `databases[${name}].redis.port: ${plainPort} → ${tlsPort} (reopened; its sessions have drainMs to end)`,
      ),
      String(lines),
    );
    // There is no plain Redis: what it says is not the role of a server.
    await tunnel.waitFor(
      ({ event, reason }) => event === 'master.lost' && String(reason).includes(`127.0.0.2:${tlsPort}`),
    );
  });
});
