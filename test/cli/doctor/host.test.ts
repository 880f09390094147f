import assert from 'node:assert/strict';
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { platform } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import type { Finding } from '../../../src/cli/doctor/finding.ts';
import { hostFindings } from '../../../src/cli/doctor/find-host.ts';
import { isListener, unitsIn } from '../../../src/cli/doctor/port-holder.ts';
import { readTcpSocket, tcpSockets } from '../../../src/cli/doctor/tcp-table.ts';
import { parseConfig } from '../../../src/config/parse.ts';
import { call, inFolder } from '../call.ts';
import {
  Certificates,
  FakeRedis,
  FakeSentinel,
  FakeServer,
  freePort,
  RedisProcess,
  TunnelProcess,
  withoutLeaks,
} from '../../support/index.ts';
import { codesOf, diagnosed, found } from './diagnosed.ts';

test('what this machine has against a configuration is found', async (t) => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    await using sentinel = await FakeSentinel.start({
      masters: { a: { host: '127.0.0.1', port: redis.port } },
    });
    const sentinels = [sentinel.seed];
    const on = (listen: unknown, more: object = {}): object => ({
      sentinels,
      databases: [{ name: 'a', listen }],
      ...more,
    });

    await t.test('a port that another program has, and who that is', async () => {
      await using other = await RedisProcess.start();
      const taken = found(await diagnosed(on(other.port)), 'port-taken');
      assert.equal(taken.severity, 'broken');
      if (platform() === 'linux') {
        assert.match(taken.what, new RegExp(`is taken by pid ${other.pid} \\(.*redis-server`));
        assert.match(taken.evidence[0]?.answered ?? '', /^EADDRINUSE, pid/);
      }
    });

    await t.test('ports that a tunnel has: the one that runs here, or another', async () => {
      const port = await freePort();
      await using tunnel = await TunnelProcess.start({ config: { ...on(port), admin: { listen: 0 } } });
      await tunnel.waitFor(({ event }) => event === 'admin.opened');
      const admin = { listen: tunnel.adminPort };
      const ours = await diagnosed({ ...on(port), admin });
      assert.equal(found(ours, 'tunnel-runs').severity, 'ok');
      assert.ok(!codesOf(ours).includes('admin-taken'));
      const another = found(await diagnosed({ ...on(port), admin: false }), 'port-taken');
      assert.match(another.what, new RegExp(`pid ${tunnel.pid} `));
      await tunnel.stop();
    });

    await t.test('an admin address that somebody else has', async () => {
      await using web = await FakeServer.listen(() => 'close', { accept: 'close' });
      const taken = found(await diagnosed(on(0, { admin: { listen: web.port } })), 'admin-taken');
      assert.equal(taken.severity, 'degraded');
      assert.match(taken.what, new RegExp(`127\\.0\\.0\\.1:${web.port} is taken by`));
    });

    await t.test('an address that is none of this machine', async () => {
      // 192.0.2.0/24 is for documentation (RFC 5737), and nobody has it.
      const findings = await diagnosed(on('192.0.2.1:6379'));
      assert.match(found(findings, 'port-forbidden').what, /EADDRNOTAVAIL/);
      assert.match(found(findings, 'listener-exposed').remedy, /allow/);
      assert.ok(
        !codesOf(await diagnosed(on({ address: '0.0.0.0:0', allow: ['10.0.0.0/8'] }))).includes(
          'listener-exposed',
        ),
      );
      await using own = await Certificates.make();
      const { certFile: cert, keyFile: key } = await own.issue('server');
      const secured = (more: object): Promise<readonly Finding[]> =>
        diagnosed(on({ address: '0.0.0.0:0', tls: { cert, key, ...more } }));
      assert.ok(codesOf(await secured({})).includes('listener-exposed'), 'TLS alone lets everybody in');
      assert.ok(!codesOf(await secured({ clientCa: own.caFile })).includes('listener-exposed'));
    });

    await t.test('paths of sockets and logs, and secrets that everybody may read', async () => {
      await inFolder(async (dir) => {
        const plain = join(dir, 'plain');
        await writeFile(plain, 'secret-of-many', { mode: 0o644 });
        await chmod(plain, 0o644);
        await mkdir(join(dir, 'folder'));
        const findings = await diagnosed(
          on([`unix:${plain}`, `unix:${dir}/none/s.sock`], {
            log: { file: join(dir, 'folder') },
            sentinel: { passwordFile: plain },
          }),
        );
        assert.deepEqual(
          findings.filter(({ code }) => code === 'socket-path').map(({ what }) => what.replaceAll(dir, '')),
          [
            'no socket can be made at unix:/plain: it exists and is not a socket',
            'no socket can be made at unix:/none/s.sock: its folder "/none" does not exist',
          ],
        );
        assert.match(found(findings, 'log-unwritable').what, /it is a directory/);
        assert.match(found(findings, 'secret-readable').remedy, /chmod o-r/);
        assert.doesNotMatch(JSON.stringify(findings), /secret-of-many/);
        const nowhere = await diagnosed(on(0, { log: { file: join(dir, 'none', 'log') } }));
        assert.match(found(nowhere, 'log-unwritable').what, /does not exist/);
        await using tunnel = await TunnelProcess.start({ config: on(`unix:${dir}/served.sock`) });
        const served = found(await diagnosed(on(`unix:${dir}/served.sock`)), 'socket-path');
        assert.match(served.what, /is taken by another listener/);
        await tunnel.stop();
      });
    });

    await t.test('a log on a disk that is full', async (context) => {
      const ample = await diagnosed(on(0, { log: { file: '/dev/null' } }));
      assert.ok(!codesOf(ample).some((code) => code.startsWith('log-')));
      if (platform() !== 'linux') {
        context.skip('/dev/full is of Linux');
        return;
      }
      const full = found(await diagnosed(on(0, { log: { file: '/dev/full' } })), 'log-disk-full');
      assert.equal(full.severity, 'degraded');
      assert.match(full.what, /^the log "\/dev\/full" loses lines, or will soon: no space is left/);
    });

    await t.test('a limit of descriptors that cannot carry maxConnections', async (context) => {
      if (platform() !== 'linux') {
        context.skip('the limit of descriptors is read from /proc');
        return;
      }
      const most = { databases: [{ name: 'a', listen: 0, maxConnections: 1_000_000 }] };
      const few = found(await diagnosed({ sentinels, ...most, maxConnections: 900_000 }), 'descriptors-few');
      assert.match(
        few.what,
        /^maxConnections allows 900000 connections, and \d+ file descriptors are enough for \d+: \d+ are kept /,
      );
      assert.match(few.remedy, /No tunnel runs here/);
    });

    await t.test('the limit of the tunnel that runs, and not that of whoever asks', async (context) => {
      if (platform() !== 'linux') {
        context.skip('the limit of descriptors is read from /proc');
        return;
      }
      const port = await freePort();
      const config = on(port, { maxConnections: 1_000 });
      await using tunnel = await TunnelProcess.start({
        config: { ...config, admin: { listen: 0 } },
        prefix: ['sh', '-c', 'ulimit -n 777; exec "$@"', 'sh'],
      });
      await tunnel.waitFor(({ event }) => event === 'admin.opened');
      for (const [admin, asked] of [
        [{ listen: tunnel.adminPort }, /\/status of the tunnel that runs here$/],
        [false, new RegExp(`/proc/${tunnel.pid}/limits$`)],
      ] as const) {
        const few = found(await diagnosed({ ...config, admin }), 'descriptors-few');
        assert.match(few.what, /and 777 file descriptors are enough for/);
        assert.match(few.evidence[0]?.asked ?? '', asked);
        assert.doesNotMatch(few.remedy, /shell/);
      }
      await tunnel.stop();
    });
  });
});

test('a port that systemd holds for a socket unit of ours is not taken', () => {
  const table = [
    '/run/dbus/system_bus_socket dbus.socket            dbus.service',
    '127.0.0.1:6379              sentinel-tunnel.socket sentinel-tunnel.service',
    '[::1]:6379                  cache.socket           cache.service',
    '',
  ].join('\n');
  assert.deepEqual(unitsIn(table, '127.0.0.1:6379'), ['sentinel-tunnel.socket', 'sentinel-tunnel.service']);
  assert.deepEqual(unitsIn(table, '127.0.0.1:637'), []);
  const config = parseConfig({ sentinels: ['a:1'], databases: [{ name: 'a', listen: 6379 }] }, 'a test');
  const findingOf = (units: readonly string[]): Finding | undefined => {
    const address = { kind: 'tcp', host: '127.0.0.1', port: 6379 } as const;
    const holder = { pid: 1, command: '/sbin/init', units };
    const listeners = [{ database: 'a', address, objection: 'EADDRINUSE', holder }];
    const nothing = { admin: undefined, running: undefined, log: undefined, descriptors: undefined };
    const host = { ...nothing, listeners, connections: 1 };
    return hostFindings({ config, host })[0];
  };
  assert.equal(findingOf(unitsIn(table, '127.0.0.1:6379'))?.code, 'socket-held');
  const [other, unknown] = [findingOf(unitsIn(table, '[::1]:6379')), findingOf([])];
  assert.deepEqual([other?.code, unknown?.code], ['port-taken', 'port-taken']);
  assert.match(other?.remedy ?? '', /cache\.socket, cache\.service\): right if that is the tunnel's own/);
  assert.match(unknown?.remedy ?? '', /see systemctl list-sockets/);
});

test('listening sockets are read from /proc/net/tcp', () => {
  const table = `  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode
   0: 0100007F:18EB 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 4711 1 0
   1: 0100007F:18EB 0100007F:C350 01 00000000:00000000 00:00000000 00000000     0        0 4712 1 0
   2: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A 0:0 0:0 0 0 0 99 1 0`;
  const sockets = table.split('\n').map(readTcpSocket);
  const inodesAt = (port: number): readonly string[] =>
    sockets.filter((socket) => isListener(socket, port)).map(({ inode }) => inode);
  assert.deepEqual(inodesAt(6379), ['4711']);
  assert.deepEqual(inodesAt(80), ['99']);
  assert.deepEqual(inodesAt(8080), []);
});

test('reading /proc/net/tcp ends when its time is over', async () => {
  await withoutLeaks(async () => {
    const sockets: unknown[] = [];
    for await (const socket of tcpSockets(performance.now() - 1)) sockets.push(socket);
    assert.deepEqual(sockets, []);
  });
});

test('doctor may be called beside a tunnel that runs, and is fine', async () => {
  await withoutLeaks(async () => {
    await using redis = await FakeRedis.start();
    const at = { host: '127.0.0.1', port: redis.port };
    const others = [1, 2].map((port) => ({ host: '127.0.0.1', port }));
    await using sentinel = await FakeSentinel.start({
      masters: { a: { ...at, sentinels: others, replicas: [at] } },
    });
    const admin = await freePort();
    const config = {
      sentinels: [sentinel.seed],
      databases: [{ name: 'a', listen: await freePort() }],
      admin: { listen: admin },
    };
    await using tunnel = await TunnelProcess.start({ config });
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    const called = await call(['doctor', '--config', tunnel.configFile]);
    assert.equal(called.code, 0, called.stdout);
    assert.match(called.stdout, /^ok {7}tunnel-runs \(a\)$/m);
    await tunnel.stop();
  });
});
