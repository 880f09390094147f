import assert from 'node:assert/strict';
import { execFile, execFileSync } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { after, before, describe, test } from 'node:test';
import { version } from '../../src/version.ts';
import { ask, startCluster, TunnelProcess, type Cluster } from '../support/index.ts';
import { assertNoTrace, limited } from '../cli/call.ts';
import { hasRing } from '../relay/io/epoll/engines.ts';

const script = fileURLToPath(new URL('../../../scripts/build-sea.mjs', import.meta.url));
const skip = process.platform === 'linux' ? false : 'only built for Linux';

describe('the single-file executable', { skip }, () => {
  let dir = '';
  let file = '';
  let cluster: Cluster | undefined;

  before(async () => {
    dir = await mkdtemp(join(tmpdir(), 'sentinel-tunnel-'));
    file = join(dir, 'sentinel-tunnel');
    await build(file);
    cluster = await startCluster({ replicas: 0, sentinels: 1 });
  });
  after(async () => {
    await cluster?.[Symbol.asyncDispose]();
    await rm(dir, { recursive: true, force: true });
  });

  test('says its version, with nothing of ours beside it', async () => {
    const env = { PATH: '/nonexistent' };
    assert.equal(execFileSync(file, ['--version'], { cwd: '/', env, encoding: 'utf8' }), `${version}\n`);
    assert.deepEqual(await readdir(dir), ['sentinel-tunnel']);
  });

  test('carries sessions with the fast engine, and leaves no file behind', async () => {
    const unpacked = join(dir, 'tmp');
    await mkdir(unpacked);
    await using tunnel = await start(['--database', 'mymaster=0'], { TMPDIR: unpacked });
    const engine = (await hasRing()) ? 'io_uring' : 'epoll';
    assert.equal(tunnel.events('tunnel.started')[0]?.['engine'], engine, tunnel.log());
    assert.deepEqual(await readdir(unpacked), []);
    await carries(tunnel);
    assert.equal((await tunnel.stop()).code, 0);
    assert.deepEqual(await readdir(unpacked), []);
  });

  test('says in a sentence that descriptors are too few', async () => {
    for (const limit of [20, 22]) {
      for (const command of ['check', 'run']) {
        const called = await limited(limit, [
          file,
          command,
          '--sentinel',
          '127.0.0.1:1',
          '--database',
          'a=0',
        ]);
        assertNoTrace(called);
        assert.equal(called.code, 1, called.stderr);
        if (command === 'run') assert.match(called.stderr, /^sentinel-tunnel: .*EMFILE.*\n$/);
      }
    }
  });

  test('has the dashboard in it', async () => {
    const admin = ['--database', 'mymaster=0', '--admin', '127.0.0.1:0'];
    await using tunnel = await start(admin, { PATH: '/nonexistent' });
    await tunnel.waitFor(({ event }) => event === 'admin.opened');
    for (const [path, type] of [
      ['/', 'text/html; charset=utf-8'],
      ['/dashboard.js', 'text/javascript; charset=utf-8'],
    ] as const) {
      const { status, headers } = await ask(tunnel.adminPort, path);
      assert.deepEqual([status, headers['content-type']], [200, type]);
    }
  });

  test('runs several threads of the fast engine on one copy of its library', async () => {
    await using tunnel = await TunnelProcess.start({
      program: [file],
      config: {
        sentinels: cluster?.seeds,
        databases: [{ name: 'mymaster', listen: '127.0.0.1:0' }],
        engine: 'epoll',
        threads: 3,
      },
    });
    assert.equal(await librariesOf(tunnel.pid), 1);
    await carries(tunnel);
    assert.equal((await tunnel.stop()).code, 0);
  });

  test('looks names up in a process of its own', async () => {
    const [seed = ''] = cluster?.seeds ?? [];
    const args = ['--sentinel', seed.replace('127.0.0.1', 'localhost'), '--database', 'mymaster=0'];
    await using tunnel = await TunnelProcess.start({ program: [file], args });
    await carries(tunnel);
    const children = await readFile(`/proc/${tunnel.pid}/task/${tunnel.pid}/children`, 'utf8');
    assert.match(children, /^\d+ $/);
    assert.match(await readFile(`/proc/${children.trim()}/cmdline`, 'utf8'), /^sentinel-tunnel: names/);
    assert.equal((await tunnel.stop()).code, 0);
  });

  test('carries sessions with the portable engine, and says why, where its library cannot be unpacked', async () => {
    await using tunnel = await start(['--database', 'mymaster=0'], { TMPDIR: '/nonexistent' });
    assert.equal(tunnel.events('tunnel.started')[0]?.['engine'], 'streams', tunnel.log());
    assert.match(
      String(tunnel.events('engine.fallback')[0]?.['reason']),
      /cannot be loaded from the temporary folder "\/nonexistent" \(TMPDIR\), which has to be writable .*ENOENT/,
    );
    await carries(tunnel);
    assert.equal((await tunnel.stop()).code, 0);
  });

  function start(args: readonly string[], env: Record<string, string>): Promise<TunnelProcess> {
    return TunnelProcess.start({
      program: [file],
      args: ['--sentinel', ...(cluster?.seeds ?? []), ...args],
      env,
    });
  }
});

async function build(file: string): Promise<void> {
  await promisify(execFile)(process.execPath, [script, file]);
}

async function carries(tunnel: TunnelProcess): Promise<void> {
  await using client = await tunnel.connect('mymaster');
  assert.equal(await client.command('SET', 'key', 'value'), 'OK');
  assert.equal(await client.command('GET', 'key'), 'value');
}

/** How many copies of the library are mapped to be run. */
async function librariesOf(pid: number): Promise<number> {
  const maps = await readFile(`/proc/${String(pid)}/maps`, 'utf8');
  return maps.split('\n').filter((line) => / r-xp .*koffi\.node/.test(line)).length;
}
