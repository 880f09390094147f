// Runs the compiled tests: all of them, or those whose file name contains one of the arguments.
//
//   node scripts/test.mjs                      everything
//   node scripts/test.mjs failover tunnel      files with "failover" or "tunnel" in their path
//   node scripts/test.mjs tunnel --test-only   flags go to each `node FILE`
//
// Each file is a process of its own, and its output is printed as a whole when it has ended, with how long it took.
// The exit code is the truth. More files run at once than there are processors (`ST_TEST_FILES` says how many): most of
// a scenario is waiting, for Sentinels above all. Twice as many as processors leave deadlines of 1 s too little room.
import { spawn } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { fileURLToPath } from 'node:url';

const root = fileURLToPath(new URL('..', import.meta.url));
const flags = process.argv.slice(2).filter((argument) => argument.startsWith('-'));
const wanted = process.argv.slice(2).filter((argument) => !argument.startsWith('-'));

/** Where the files are that take longest: they begin first, so that none is left to run alone at the end. */
const longest = [join('test', 'relay'), join('test', 'scenarios', 'log'), join('test', 'dashboard')];
const atOnce = Number(process.env['ST_TEST_FILES'] ?? Math.ceil(1.5 * availableParallelism()));
/** Every wait of a test has its own, far shorter deadline: this one is for what hangs. In milliseconds. */
const deadlineMs = 400_000;
const killMs = 5_000;

const files = readdirSync(join(root, 'build', 'test'), { recursive: true })
  .map((file) => join('test', String(file)))
  .filter((file) => file.endsWith('.test.js') && !file.startsWith(join('test', 'support')))
  // What is left in build/ of a test that is gone is no test.
  .filter((file) => existsSync(join(root, file.replace(/\.js$/, '.ts'))))
  .filter((file) => wanted.length === 0 || wanted.some((part) => file.includes(part)))
  .toSorted((a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1));

if (files.length === 0) {
  process.stderr.write(
    `No test file matches ${wanted.join(', ') || 'at all: run "npm run build:test" first'}\n`,
  );
  process.exit(1);
}

const running = new Set();
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'])
  process.once(signal, () => {
    for (const child of running) child.kill('SIGTERM');
    process.exit(1);
  });

const startedMs = performance.now();
const ended = [];
const left = [...files];
await Promise.all(Array.from({ length: atOnce }, runOn));
summarize();

async function runOn() {
  for (let file = left.shift(); file !== undefined; file = left.shift()) {
    const result = await run(file);
    ended.push(result);
    const how = result.why === undefined ? '' : `, FAILED: ${result.why}`;
    process.stdout.write(`\n# ${file} (${secondsOf(result.ms)}${how})\n${result.output}`);
  }
}

/** Runs one file. @returns how long it took, what it printed, and why it failed, where it did */
function run(file) {
  const fileStartedMs = performance.now();
  const child = spawn(process.execPath, ['--test-reporter=spec', ...flags, join('build', file)], {
    cwd: root,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  running.add(child);
  const chunks = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk) => chunks.push(chunk));
  let isLate = false;
  const timers = [
    setTimeout(() => {
      isLate = true;
      child.kill('SIGTERM');
    }, deadlineMs),
    setTimeout(() => child.kill('SIGKILL'), deadlineMs + killMs),
  ];
  return new Promise((resolve) => {
    const end = (why) => {
      for (const timer of timers) clearTimeout(timer);
      running.delete(child);
      const ms = performance.now() - fileStartedMs;
      resolve({ file, ms, why, output: Buffer.concat(chunks).toString() });
    };
    child.once('error', (error) => end(error.message));
    child.once('close', (code, signal) => {
      if (isLate) end(`not over after ${secondsOf(deadlineMs)}`);
      else end(code === 0 ? undefined : `exit ${String(code ?? signal)}`);
    });
  });
}

function summarize() {
  const byTime = ended.toSorted((a, b) => b.ms - a.ms);
  const sum = ended.reduce((total, { ms }) => total + ms, 0);
  const failed = ended.filter(({ why }) => why !== undefined);
  const lines = [
    '',
    `# ${String(ended.length)} files in ${secondsOf(performance.now() - startedMs)}, ${String(atOnce)} at once; ${secondsOf(sum)} one after another`,
    ...byTime.slice(0, 10).map(({ file, ms }) => `#   ${secondsOf(ms).padStart(8)}  ${file}`),
    failed.length === 0 ? '# all passed' : `# ${String(failed.length)} failed:`,
    ...failed.map(({ file, why }) => `#   ${file}: ${why}`),
  ];
  process.stdout.write(`${lines.join('\n')}\n`);
  process.exitCode = failed.length === 0 ? 0 : 1;
}

function rankOf(file) {
  const rank = longest.findIndex((folder) => file.startsWith(folder));
  return rank < 0 ? longest.length : rank;
}

function secondsOf(ms) {
  return `${(ms / 1_000).toFixed(1)} s`;
}
