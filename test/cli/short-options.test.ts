import assert from 'node:assert/strict';
import { platform } from 'node:os';
import { execFile } from 'node:child_process';
import { test } from 'node:test';
import { version } from '../../src/version.ts';
import { assertNoTrace, call, main, type Called } from './call.ts';

test('-h, -V and -v do what --help and --version do', async () => {
  const help = await call(['--help']);
  assert.deepEqual(await call(['-h']), help);
  assert.match(help.stdout, /-h, --help/);
  for (const flag of ['-V', '-v', '--version']) {
    assert.deepEqual(await call([flag]), { code: 0, stdout: `${version}\n`, stderr: '' });
  }
  assert.match((await call(['check', '-h'])).stdout, /^Usage: sentinel-tunnel check/);
});

test(
  'too few descriptors to start are said in one sentence',
  { skip: platform() === 'linux' ? false : 'limits are set by the shell of Linux' },
  async () => {
    for (const limit of [30, 60, 100]) {
      const called = await limited(limit, ['run', '--sentinel', '127.0.0.1:1', '--database', 'a=0']);
      assert.match(
        called.stderr,
        /^sentinel-tunnel: Cannot start: no file descriptor is left; raise the limit of open files .*\n$/,
      );
      assertNoTrace(called);
      assert.equal(called.code, 1);
    }
  },
);

function limited(descriptors: number, args: readonly string[]): Promise<Called> {
  const script = `ulimit -n ${String(descriptors)}; exec "$@"`;
  return new Promise((resolve) => {
    const env = { PATH: process.env['PATH'], SENTINEL_TUNNEL_ADMIN: 'off' };
    const words = ['-c', script, 'sh', process.execPath, main, ...args];
    execFile('sh', words, { env, timeout: 30_000, killSignal: 'SIGKILL' }, (error, stdout, stderr) => {
      resolve({ code: error ? error.code : 0, stdout, stderr });
    });
  });
}
