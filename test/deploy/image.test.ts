import assert from 'node:assert/strict';
import { mkdir, readFile, symlink, cp, chmod } from 'node:fs/promises';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { FakeRedis, FakeSentinel, TunnelProcess, eventually } from '../support/index.ts';
import { inFolder } from '../cli/call.ts';

const root = fileURLToPath(new URL('../../../', import.meta.url));
const dockerfile = readFileSync(join(root, 'deploy/docker/Dockerfile'), 'utf8');

/** The instructions, their continued lines joined. */
const instructions = dockerfile
  .replace(/^#.*\n/gm, '')
  .replace(/\\\n/g, ' ')
  .split('\n')
  .filter((line) => line.trim() !== '')
  .map((line) => {
    const [word = '', ...rest] = line.trim().split(/\s+/);
    return [word, rest.join(' ')] as const;
  });

function all(word: string): readonly string[] {
  return instructions.filter(([each]) => each === word).map(([, rest]) => rest);
}

test('the image is of a named version, runs as nobody in particular, and asks itself whether it is well', () => {
  const [base = ''] = all('ARG');
  assert.match(base, /^NODE_IMAGE=node:\d+\.\d+\.\d+-[\w-]+$/);
  assert.deepEqual(
    all('FROM').map((from) => from.split(' ')[0]),
    ['${NODE_IMAGE}', '${NODE_IMAGE}'],
  );
  const [major, minor] = /node:(\d+)\.(\d+)/.exec(base)?.slice(1).map(Number) ?? [];
  assert.ok(Number(major) > 20 || (major === 20 && Number(minor) >= 19));
  const [user = ''] = all('USER');
  assert.match(user, /^[1-9]\d+:[1-9]\d+$/);
  assert.match(all('HEALTHCHECK')[0] ?? '', /CMD \["sentinel-tunnel", "health"\]$/);
  assert.deepEqual(JSON.parse(all('ENTRYPOINT')[0] ?? ''), ['sentinel-tunnel']);
  assert.deepEqual(JSON.parse(all('CMD')[0] ?? ''), ['run']);
  assert.deepEqual(all('STOPSIGNAL'), ['SIGTERM']);
  assert.deepEqual(all('ADD'), []);
});

test('the build gets what it uses, and nothing of the checkout that it would not', async () => {
  const ignored = (await readFile(join(root, 'deploy/docker/Dockerfile.dockerignore'), 'utf8'))
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'));
  const copied = all('COPY')
    .filter((copy) => !copy.startsWith('--from'))
    .flatMap((copy) => copy.split(' ').slice(0, -1))
    .filter((path) => path !== '.');
  for (const path of [...copied, 'src', 'types', 'tsconfig.json', 'tsconfig.build.json']) {
    assert.ok(existsSync(join(root, path)), path);
    assert.ok(!ignored.includes(path), path);
  }
  for (const path of ['.git', 'node_modules', 'build', 'dist']) assert.ok(ignored.includes(path), path);
});

test('laid out as in the image, it runs by its name', async () => {
  await inFolder(async (dir) => {
    const home = join(dir, 'opt');
    await mkdir(home);
    await cp(join(root, 'build/src'), join(home, 'dist'), { recursive: true });
    await cp(join(root, 'package.json'), join(home, 'package.json'));
    await symlink(join(root, 'node_modules'), join(home, 'node_modules'));
    await chmod(join(home, 'dist/main.js'), 0o755);
    const bin = join(dir, 'sentinel-tunnel');
    await symlink(join(home, 'dist/main.js'), bin);
    await using tunnel = await TunnelProcess.start({
      program: [bin],
      args: ['--sentinel', '127.0.0.1:1', '--database', 'mymaster=0', '--admin', 'off'],
    });
    assert.equal((await tunnel.stop()).code, 0);
  });
});

const cannotBeFirst =
  (process.platform !== 'linux' && 'process namespaces exist on Linux only') ||
  (process.getuid?.() !== 0 && 'making process namespaces takes root');

test('as process 1 it acts on SIGTERM', { skip: cannotBeFirst }, async () => {
  await using redis = await FakeRedis.start();
  await using sentinel = await FakeSentinel.start({
    masters: { mymaster: { host: '127.0.0.1', port: redis.port } },
  });
  await using tunnel = await TunnelProcess.start({
    prefix: ['unshare', '--pid', '--fork', '--kill-child', '--mount-proc'],
    args: ['--sentinel', sentinel.seed, '--database', 'mymaster=0', '--admin', 'off'],
  });
  const { pid } = tunnel;
  const first = Number(
    await eventually(() => readFile(`/proc/${String(pid)}/task/${String(pid)}/children`, 'utf8')),
  );
  assert.match(await readFile(`/proc/${String(first)}/status`, 'utf8'), /^NSpid:\s+\d+\s+1$/m);
  process.kill(first, 'SIGTERM');
  assert.equal((await tunnel.exited).code, 0);
  assert.equal(tunnel.events('tunnel.stopped')[0]?.['outcome'], 'drained');
});
