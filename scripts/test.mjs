// Runs the compiled tests: all of them, or those whose file name contains one of the arguments.
//
//   node scripts/test.mjs                      everything
//   node scripts/test.mjs failover kit         files with "failover" or "kit" in their path
//   node scripts/test.mjs kit --test-only      flags go to `node --test`
//
// The files are listed here because `node --test` takes directories but no globs on Node 20, and globs but no
// directories on 24. The exit code is the truth: Node 20 reports a hung test with "fail 0".
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const flags = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));

const files = readdirSync(join(root, 'build', 'test'), { recursive: true })
  .map((file) => join('test', String(file)))
  .filter((file) => file.endsWith('.test.js') && !file.startsWith(join('test', 'support')))
  // What is left in build/ of a test that is gone is no test.
  .filter((file) => existsSync(join(root, file.replace(/\.js$/, '.ts'))))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .map((file) => join('build', file))
  .toSorted();

if (files.length === 0) {
  process.stderr.write(
    `No test file matches ${wanted.join(', ') || 'at all: run "npm run build:test" first'}\n`,
  );
  process.exit(1);
}

// The deadline is one of a whole file too: every wait of a test has its own, far shorter one, and this is for what hangs.
const deadline = '--test-timeout=400000';
const options = ['--test', deadline, '--test-concurrency=2', '--test-reporter=spec', ...flags];
const { status, signal, error } = spawnSync(process.execPath, [...options, ...files], {
  cwd: root,
  stdio: 'inherit',
});
if (error) throw error;
if (signal) process.stderr.write(`The test runner was ended by ${signal}\n`);
process.exit(status ?? 1);
