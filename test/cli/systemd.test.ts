import assert from 'node:assert/strict';
import { spawn, spawnSync } from 'node:child_process';
import { fstatSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { once } from 'node:events';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { Supervisor } from '../../src/cli/systemd.ts';
import type { Host } from '../../src/cli/host.ts';
import type { Daemon } from '../../src/daemon.ts';
import { silentLog } from '../../src/telemetry/log.ts';
import {
  awaitServing,
  cannotRun,
  eventually,
  FakeRedis,
  FakeSentinel,
  NotifyReceiver,
  TunnelProcess,
  withoutLeaks,
} from '../support/index.ts';

const skip = process.platform === 'linux' ? cannotRun('python3') : 'systemd is of Linux';
const unit = fileURLToPath(new URL('../../../deploy/systemd/sentinel-tunnel.service', import.meta.url));

for (const isAbstract of [false, true]) {
  test(
    `systemd is told of start, master, reload, life and stop, ${isAbstract ? 'by an abstract name' : 'by a path'}`,
    {
      skip,
    },
    async () => {
      await withoutLeaks(async () => {
        await using manager = await NotifyReceiver.start(isAbstract);
        await using redis = await FakeRedis.start();
        await using sentinel = await FakeSentinel.start({
          masters: { one: { host: '127.0.0.1', port: redis.port } },
        });
        const config = { sentinels: [sentinel.seed], databases: [{ name: 'one', listen: 0 }], drainMs: 300 };
        await using tunnel = await TunnelProcess.start({
          config,
          env: { NOTIFY_SOCKET: manager.address, WATCHDOG_USEC: '400000' },
        });
        await manager.heard(/^READY=1$/);
        assert.equal(manager.messages.at(0)?.at(0), 'READY=1');
        assert.match(manager.messages[0]?.[1] ?? '', /^STATUS=Serving one/);
        await awaitServing(tunnel, 'one');
        await manager.heard(new RegExp(`^STATUS=Serving one at 127\\.0\\.0\\.1:${redis.port}$`));
        await manager.heard(/^WATCHDOG=1$/, 2);
        await tunnel.reload(config);
        await manager.heard(/^READY=1$/, 2);
        const reloading = manager.messages.find(([first]) => first === 'RELOADING=1');
        const usec = Number(/^MONOTONIC_USEC=(\d+)$/.exec(reloading?.[1] ?? '')?.[1]);
        const uptimeUsec = Number(readFileSync('/proc/uptime', 'utf8').split(' ')[0]) * 1e6;
        assert.ok(usec > 0 && usec <= uptimeUsec + 1e6, `${String(usec)} of ${String(uptimeUsec)}`);
        await tunnel.stop();
        await manager.heard(/^STOPPING=1$/);
        const stopping = manager.messages.find(([first]) => first === 'STOPPING=1');
        assert.equal(stopping?.[1], 'EXTEND_TIMEOUT_USEC=5300000');
        assert.equal(tunnel.events('systemd.notify-failed').length, 0);
      });
    },
  );
}

test('no sign of life is given while something that carries bytes does not answer', { skip }, async () => {
  await using manager = await NotifyReceiver.start();
  const env: Record<string, string> = {
    NOTIFY_SOCKET: manager.address,
    WATCHDOG_USEC: '40000',
    WATCHDOG_PID: '77',
  };
  const host = {
    env,
    pid: 77,
    unsetEnv: (name: string) => Reflect.deleteProperty(env, name),
  } as unknown as Host;
  const silent: string[] = ['relay thread 0'];
  let asked = 0;
  const daemon = {
    views: () => [],
    alive: () => {
      asked += 1;
      return Promise.resolve([...silent]);
    },
  } as unknown as Daemon;
  const supervisor = await Supervisor.open(host, silentLog);
  assert.deepEqual(env, {}, 'children inherit nothing of it');
  try {
    supervisor.ready(daemon);
    await manager.heard(/^READY=1$/);
    await eventually(() => asked >= 3);
    assert.equal(manager.messages.flat().includes('WATCHDOG=1'), false);
    silent.length = 0;
    await manager.heard(/^WATCHDOG=1$/);
  } finally {
    supervisor.close();
  }
});

test(
  'without system calls of its own systemd is told by systemd-notify',
  { skip: skip || cannotRun('systemd-notify') },
  async () => {
    await withoutLeaks(async () => {
      await using manager = await NotifyReceiver.start();
      const dir = mkdtempSync(join(tmpdir(), 'st-no-koffi-'));
      try {
        // koffi is optional: what npm leaves out where it cannot be installed is not found.
        const hooks = `export const resolve = (name, context, next) => {
          if (name === 'koffi') throw Object.assign(new Error('left out'), { code: 'ERR_MODULE_NOT_FOUND' });
          return next(name, context);
        };`;
        const hooksAt = JSON.stringify(`data:text/javascript,${encodeURIComponent(hooks)}`);
        const without = join(dir, 'without-koffi.mjs');
        writeFileSync(without, `import { register } from 'node:module';\nregister(${hooksAt});\n`);
        const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));
        await using tunnel = await TunnelProcess.start({
          config: { sentinels: ['127.0.0.1:1'], databases: [{ name: 'one', listen: 0 }], drainMs: 300 },
          program: [process.execPath, '--import', without, main],
          env: { NOTIFY_SOCKET: manager.address },
        });
        await tunnel.waitFor(({ event }) => event === 'engine.fallback');
        await manager.heard(/^READY=1$/);
        await manager.heard(/^STATUS=Serving one: unknown$/);
        await tunnel.stop();
        await manager.heard(/^STOPPING=1$/);
        assert.deepEqual(tunnel.events('systemd.notify-failed'), []);
      } finally {
        rmSync(dir, { recursive: true });
      }
    });
  },
);

test('a manager that is not there is told of once, and nothing else changes', async () => {
  await withoutLeaks(async () => {
    await using tunnel = await TunnelProcess.start({
      config: { sentinels: ['127.0.0.1:1'], databases: [{ name: 'one', listen: 0 }] },
      env: { NOTIFY_SOCKET: '/nonexistent/notify', WATCHDOG_USEC: '50000' },
    });
    await tunnel.waitFor(({ event }) => event === 'systemd.notify-failed');
    assert.deepEqual(await tunnel.stop(), { code: 0, signal: null });
    assert.equal(tunnel.events('systemd.notify-failed').length, 1);
  });
});

test('what the journal reads are sentences with their priority, without a time', async () => {
  const dir = mkdtempSync(join(tmpdir(), 'st-journal-'));
  try {
    const file = join(dir, 'stdout');
    const fd = openSync(file, 'w');
    const { dev, ino } = fstatSync(fd);
    const main = fileURLToPath(new URL('../../src/main.js', import.meta.url));
    const args = [main, 'run', '--sentinel', '127.0.0.1:1', '--database', 'one=0'];
    const child = spawn(process.execPath, args, {
      stdio: ['ignore', fd, 'ignore'],
      env: { PATH: process.env['PATH'], JOURNAL_STREAM: `${String(dev)}:${String(ino)}` },
    });
    await eventually(() => readFileSync(file, 'utf8').includes('is down'));
    child.kill('SIGTERM');
    await once(child, 'exit');
    const text = readFileSync(file, 'utf8');
    assert.match(text, /^<6>one: listening on 127\.0\.0\.1:\d+$/m);
    assert.match(text, /^<4>Sentinel 127\.0\.0\.1:1 is down: /m);
    assert.ok(
      text
        .trimEnd()
        .split('\n')
        .every((line) => /^<[3467]>/.test(line)),
      text,
    );
  } finally {
    rmSync(dir, { recursive: true });
  }
});

test('the unit is one that systemd takes, hardened', { skip: cannotRun('systemd-analyze') }, () => {
  const verified = spawnSync('systemd-analyze', ['verify', unit], { encoding: 'utf8' });
  const about = verified.stderr.split('\n').filter((line) => line.includes('sentinel-tunnel'));
  assert.deepEqual(about, []);
  // `--threshold` is in tenths: the exposure is at most 1.0 of 10.
  const args = ['security', '--offline=true', '--threshold=10', '--no-pager', unit];
  const rated = spawnSync('systemd-analyze', args, { encoding: 'utf8' });
  assert.equal(rated.status, 0, rated.stdout.split('\n').slice(-3).join('\n'));
});
