import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { test } from 'node:test';

const wrong: Readonly<Record<string, readonly string[]>> = {
  throughput: ['--cells', 'memory,64B'],
  failover: ['--trials', '0'],
  admin: ['--sessions', 'many'],
  status: ['--rounds'],
  soak: ['--failover', '3'],
};

function run(name: string, args: readonly string[]): { status: number | null; out: string; err: string } {
  const path = fileURLToPath(new URL(`../../bench/${name}.js`, import.meta.url));
  const { status, stdout, stderr } = spawnSync(process.execPath, [path, ...args], { encoding: 'utf8' });
  return { status, out: stdout, err: stderr };
}

for (const [name, args] of Object.entries(wrong)) {
  test(`the bench ${name} answers a wrong flag with one sentence and its usage, and measures nothing`, () => {
    const { status, out, err } = run(name, args);
    assert.equal(status, 2, err);
    assert.equal(out, '');
    assert.match(err, /^[A-Z][^\n]*\nUsage: npm run [^]*\n$/);
    assert.doesNotMatch(err, /^ +at /m);
  });
}

test('a bench that is asked for help prints its usage', () => {
  const { status, out, err } = run('throughput', ['--help']);
  assert.deepEqual({ status, err }, { status: 0, err: '' });
  assert.match(out, /^Usage: npm run bench:throughput -- .*--no-write/);
});
