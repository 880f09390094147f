import assert from 'node:assert/strict';
import { platform } from 'node:os';
import { test } from 'node:test';
import { endWhereDescriptorsAreFew } from '../../src/cli/few-descriptors.ts';
import { version } from '../../src/version.ts';
import { assertNoTrace, call, limited, main } from './call.ts';

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
      const called = await limited(limit, [
        process.execPath,
        main,
        'run',
        '--sentinel',
        '127.0.0.1:1',
        '--database',
        'a=0',
      ]);
      assert.match(
        called.stderr,
        /^sentinel-tunnel: Cannot start: no file descriptor is left; raise the limit of open files .*\n$/,
      );
      assertNoTrace(called);
      assert.equal(called.code, 1);
    }
  },
);

test('an error that is none of descriptors is left to Node', () => {
  const ended: number[] = [];
  const self = {
    stderr: { write: () => true },
    exit: (code: number) => ended.push(code),
    report: { getReport: () => ({ userLimits: { open_files: { soft: 100 } } }) },
  };
  for (const code of ['EMFILE', 'ENFILE', 'ERR_MODULE_NOT_FOUND'])
    endWhereDescriptorsAreFew(new Error('a', { cause: Object.assign(new Error('b'), { code }) }), self);
  assert.deepEqual(ended, [1, 1, 1]);
  const other = Object.assign(new Error('c'), { code: 'EACCES' });
  assert.throws(() => {
    endWhereDescriptorsAreFew(other, self);
  }, other);
});
