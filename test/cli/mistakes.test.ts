import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { test } from 'node:test';
import { assertNoTrace, call, inFolder } from './call.ts';

const seeHelp = 'See sentinel-tunnel --help';
const listenWanted = 'expected "host:port", a port, or "unix:/path"';

type Mistake = readonly [
  what: string,
  args: readonly string[],
  stderr: string,
  env?: Readonly<Record<string, string>>,
];

const mistakes: readonly Mistake[] = [
  ['a misspelt command', ['rnu', '--config', 'x'], `Unknown command "rnu", did you mean "run"?\n${seeHelp}`],
  ['a misspelt command alone', ['chek'], `Unknown command "chek", did you mean "check"?\n${seeHelp}`],
  ['something else in place of a command', ['a', 'b', 'c'], `Unknown command "a"\n${seeHelp}`],
  [
    'what is no command and no file',
    ['frobnicate'],
    `Unknown command "frobnicate", and no such file\n${seeHelp}`,
  ],
  [
    "the original's call without a log",
    ['st.json'],
    `No log given: sentinel-tunnel st.json LOG, or sentinel-tunnel run --config st.json\n${seeHelp}`,
  ],
  [
    "the original's call with no such file",
    ['st.json', '-'],
    'Cannot read configuration "st.json": no such file',
  ],
  ['an unknown flag', ['run', '--foo'], `Unknown option '--foo'\n${seeHelp}`],
  [
    'a misspelt flag',
    ['run', '--sentinl', 'a:1'],
    `Unknown option '--sentinl'\n(Did you mean --sentinel?)\n${seeHelp}`,
  ],
  ['a flag without its value', ['run', '--config'], `Option '--config <file>' argument missing\n${seeHelp}`],
  [
    'nothing to run',
    ['run'],
    `Nothing to run: give --config FILE, or --sentinel HOST:PORT and --database NAME=LISTEN\n${seeHelp}`,
  ],
  [
    'a Sentinel but no database',
    ['run', '--sentinel', 'a:1'],
    `Nothing to run: give --config FILE, or --database NAME=LISTEN\n${seeHelp}`,
  ],
  [
    'a file that is not there',
    ['check', '--config', 'none.yaml'],
    'Cannot read configuration "none.yaml": no such file',
  ],
  [
    'a file of the environment that is not there',
    ['run'],
    'Cannot read configuration "none.yaml": no such file',
    { SENTINEL_TUNNEL_CONFIG: 'none.yaml' },
  ],
  [
    'a database without a place to listen',
    ['run', '--sentinel', 'a:1', '--database', 'mymaster'],
    `--database: expected NAME=LISTEN, got "mymaster"\n${seeHelp}`,
  ],
  [
    'wrong flags, all named at once',
    ['run', '--sentinel', 'a', 'b:2', '--database', 'm=6379x', '--log-level', 'loud', '--log-format', 'xml'],
    [
      'Invalid configuration in the command line, 4 problems:',
      '--sentinel: expected "host:port" or "[v6]:port", got "a"',
      `--database: ${listenWanted}, got "6379x"`,
      '--log-level: expected one of "debug", "info", "warn", "error", got "loud"',
      '--log-format: expected one of "auto", "json", "pretty", got "xml"',
    ].join('\n  '),
  ],
  [
    'wrong variables, all named at once',
    ['run'],
    [
      'Invalid configuration in the environment, 3 problems:',
      'SENTINEL_TUNNEL_SENTINELS: expected "host:port" or "[v6]:port", got "b"',
      `SENTINEL_TUNNEL_DATABASES: ${listenWanted}, got "x"`,
      'SENTINEL_TUNNEL_LOG_LEVEL: expected one of "debug", "info", "warn", "error", got "loud"',
    ].join('\n  '),
    {
      SENTINEL_TUNNEL_SENTINELS: 'a:1, b',
      SENTINEL_TUNNEL_DATABASES: 'm=1,n=x',
      SENTINEL_TUNNEL_LOG_LEVEL: 'loud',
    },
  ],
];

for (const [what, args, stderr, env] of mistakes) {
  test(`a mistake is told in a sentence, with exit code 2: ${what}`, async () => {
    const called = await call(args, env);
    assert.equal(called.stderr, `sentinel-tunnel: ${stderr}\n`);
    assert.equal(called.stdout, '');
    assert.equal(called.code, 2);
  });
}

test('every problem of a file is told before anything listens, with exit code 2', async () => {
  await inFolder(async (dir) => {
    const file = join(dir, 'st.yaml');
    await writeFile(
      file,
      'sentinles: [ "a:1" ]\ndatabases:\n  - { name: m, listen: 0 }\n  - { name: n, listen: 6379x }\n',
    );
    for (const args of [
      ['run', '--config', file],
      ['check', '--config', file],
      [file, '-'],
    ]) {
      const called = await call(args);
      assert.equal(
        called.stderr,
        [
          `sentinel-tunnel: Invalid configuration in ${file}, 3 problems:`,
          'sentinels: missing, expected a list of at least one "host:port"',
          `databases[1].listen: ${listenWanted}, got "6379x"`,
          'sentinles: unknown key, did you mean "sentinels"?\n',
        ].join('\n  '),
      );
      assert.equal(called.stdout, '');
      assert.equal(called.code, 2);
    }
  });
});

test('a file is not blamed for what a flag or a variable says', async () => {
  await inFolder(async (dir) => {
    const file = join(dir, 'st.yaml');
    await writeFile(file, 'sentinels: [ "a:1" ]\ndatabases:\n  - { name: m, listen: 0 }\n');
    const asked = ['check', '--config', file];
    const flag = await call([...asked, '--log-format', 'xml']);
    assert.match(flag.stderr, /^sentinel-tunnel: Invalid configuration in the command line: --log-format: /);
    const variable = await call(asked, { SENTINEL_TUNNEL_LOG_LEVEL: 'loud' });
    assert.match(variable.stderr, /Invalid configuration in the environment: SENTINEL_TUNNEL_LOG_LEVEL: /);
    await writeFile(file, 'sentinels: [ "a:1" ]\ndatabases:\n  - { name: m, listen: x }\n');
    const both = await call([...asked, '--log-format', 'xml']);
    assert.ok(both.stderr.includes(`Invalid configuration in ${file}, 2 problems:`), both.stderr);
    for (const called of [flag, variable, both]) assert.equal(called.code, 2);
  });
});

test('a slip of YAML is told with its line, with exit code 2', async () => {
  await inFolder(async (dir) => {
    const file = join(dir, 'st.yaml');
    await writeFile(file, 'sentinels: [ "a:1"\ndatabases: []\n');
    const called = await call(['run', '--config', file]);
    assert.match(called.stderr, /^sentinel-tunnel: Cannot parse configuration: .*st\.yaml:2:1: /);
    assertNoTrace(called);
    assert.equal(called.code, 2);
  });
});

test('a call without arguments prints the help to standard error, with exit code 2', async () => {
  const called = await call([]);
  assert.match(called.stderr, /^Usage: sentinel-tunnel CONFIG LOG\n/);
  assert.equal(called.stdout, '');
  assert.equal(called.code, 2);
});

test('--help says how to call it, what the signals do and what the exit codes mean', async () => {
  const called = await call(['--help']);
  for (const wanted of ['CONFIG LOG', 'run ', 'check ', 'Examples:', 'SIGTERM', 'Exit codes: 0']) {
    assert.ok(called.stdout.includes(wanted), wanted);
  }
  assert.equal(called.stderr, '');
  assert.equal(called.code, 0);
  assert.match((await call(['run', '--help'])).stdout, /--database <name=listen\.\.\.>/);
});

test('--version prints the version of the package', async () => {
  assert.match((await call(['--version'])).stdout, /^\d+\.\d+\.\d+\n$/);
});
