import assert from 'node:assert/strict';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import {
  awaitServing,
  cannotRun,
  FakeRedis,
  FakeSentinel,
  freePort,
  RespClient,
  TunnelProcess,
  withoutLeaks,
} from '../support/index.ts';

/** Binds what it is told, hands it over as descriptors from 3 on as systemd does, and becomes the program. */
const parent = `
import json, os, socket, sys
order = json.loads(sys.argv[1])
held = []
for at in order['sockets']:
    s = socket.socket(socket.AF_UNIX if 'path' in at else socket.AF_INET)
    s.bind(at['path'] if 'path' in at else ('127.0.0.1', at['port']))
    s.listen()
    held.append(os.dup2(s.fileno(), 100 + len(held)))
for index, fd in enumerate(held):
    os.dup2(fd, 3 + index, inheritable=True)
    os.close(fd)
os.environ['LISTEN_PID'] = str(os.getpid() + order.get('off', 0))
os.environ['LISTEN_FDS'] = str(len(held))
os.environ['LISTEN_FDNAMES'] = ':'.join(at['name'] for at in order['sockets'])
os.execvp(sys.argv[2], sys.argv[2:])
`;

const skip = process.platform === 'linux' ? cannotRun('python3') : 'systemd is of Linux';

for (const [engine, threads] of [
  ['streams', 1],
  ['epoll', 1],
  ['epoll', 2],
] as const) {
  test(
    `sockets that systemd hands over are listened on, ${engine}, threads: ${threads}`,
    { skip },
    async () => {
      const dir = mkdtempSync(join(tmpdir(), 'st-handed-'));
      try {
        await withoutLeaks(async () => {
          await using redis = await FakeRedis.start();
          const master = { host: '127.0.0.1', port: redis.port };
          await using sentinel = await FakeSentinel.start({ masters: { one: master, two: master } });
          const [byAddress, byName, own, useless] = [
            await freePort(),
            await freePort(),
            await freePort(),
            await freePort(),
          ];
          const path = join(dir, 'one.sock');
          const sockets = [
            { name: 'whatever', port: byAddress },
            { name: 'whatever', path },
            { name: 'two', port: byName },
            { name: 'nobody', port: useless },
          ];
          const config = {
            sentinels: [sentinel.seed],
            databases: [
              { name: 'one', listen: [own, byAddress, `unix:${path}`] },
              { name: 'two', listen: 1 },
            ],
            engine,
            threads,
          };
          await using tunnel = await TunnelProcess.start({
            config,
            prefix: ['python3', '-c', parent, JSON.stringify({ sockets })],
          });
          await awaitServing(tunnel, 'one');
          await awaitServing(tunnel, 'two');
          for (const port of [byAddress, byName, own]) {
            for (let count = 0; count < 4; count += 1) {
              await using client = await RespClient.connect(port);
              assert.equal(await client.command('PING'), 'PONG');
            }
          }
          await using through = await RespClient.connect(0, { path });
          assert.equal(await through.command('PING'), 'PONG');
          const opened = tunnel.events('listener.opened').map((event) => [event['address'], event['handed']]);
          assert.deepEqual(
            opened.toSorted(),
            [
              [`127.0.0.1:${byAddress}`, true],
              [`127.0.0.1:${byName}`, true],
              [`127.0.0.1:${own}`, undefined],
              [`unix:${path}`, true],
            ].toSorted(),
          );
          const [unused] = tunnel.events('socket.unused');
          assert.deepEqual(
            [unused?.['fd'], unused?.['name'], unused?.['address']],
            [6, 'nobody', `127.0.0.1:${useless}`],
          );
          await assert.rejects(RespClient.connect(useless), /ECONNREFUSED/);
          await through.close();
          await tunnel.reload({ ...config, databases: config.databases.slice(0, 1) });
          await assert.rejects(RespClient.connect(byName), /ECONNREFUSED/);
          assert.deepEqual(await tunnel.stop(), { code: 0, signal: null });
          assert.ok(existsSync(path), 'the file belongs to who bound it');
        });
      } finally {
        rmSync(dir, { recursive: true });
      }
    },
  );
}

test('sockets that are meant for another process are left alone', { skip }, async () => {
  await withoutLeaks(async () => {
    const port = await freePort();
    await using tunnel = await TunnelProcess.start({
      config: { sentinels: ['127.0.0.1:1'], databases: [{ name: 'one', listen: 0 }] },
      prefix: ['python3', '-c', parent, JSON.stringify({ sockets: [{ name: 'one', port }], off: 1 })],
    });
    assert.equal(tunnel.events('listener.opened')[0]?.['handed'], undefined);
    assert.deepEqual(tunnel.events('socket.unused'), []);
  });
});
