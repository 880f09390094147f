import assert from 'node:assert/strict';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { execFileSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import { inspect, isDeepStrictEqual } from 'node:util';
import type { Config } from '../../src/config/types.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { TunnelError } from '../../src/errors.ts';

let dir = '';

before(async () => {
  dir = await mkdtemp(join(tmpdir(), 'st-secrets-'));
});

after(async () => {
  await rm(dir, { recursive: true });
});

const whole = { sentinels: ['a:1'], databases: [{ name: 'm', listen: 1 }] };

function parsed(more: object, env?: Readonly<Record<string, string>>): Config {
  return parseConfig({ ...whole, ...more }, 'x', env && { env });
}

/** What follows "Invalid configuration in x": one line per problem. */
function problems(more: object, env: Readonly<Record<string, string>> = {}): string[] {
  try {
    parsed(more, env);
  } catch (error) {
    assert.ok(error instanceof TunnelError);
    const [first = '', ...rest] = error.message.split('\n  ');
    return rest.length === 0 ? [first.replace('Invalid configuration in x: ', '')] : rest;
  }
  return [];
}

async function file(name: string, text: string | Uint8Array, mode = 0o600): Promise<string> {
  const path = join(dir, name);
  await writeFile(path, text);
  await chmod(path, mode);
  return path;
}

test('a password stands in the file, in the environment or in a file of its own', async () => {
  const passwordFile = await file('password', 'from a file\n');
  const config = parsed(
    {
      sentinel: { username: 'watcher', password: '${SENTINEL_PASSWORD}' },
      redis: { password: 'plain' },
      databases: [
        { name: 'one', listen: 1 },
        { name: 'two', listen: 2, redis: { username: 'prober', passwordFile } },
      ],
    },
    { SENTINEL_PASSWORD: 'from the environment' },
  );
  const { credentials } = config.sentinel;
  assert.equal(credentials?.username, 'watcher');
  assert.equal(credentials.password.reveal(), 'from the environment');
  const [one, two] = config.databases.map(({ redis }) => redis.credentials);
  assert.deepEqual([one?.username, one?.password.reveal()], [undefined, 'plain']);
  assert.deepEqual([two?.username, two?.password.reveal()], ['prober', 'from a file']);
  assert.deepEqual(config.warnings, []);
});

test('only the newline at the end of a password file is left out', async () => {
  for (const [text, expected] of [
    ['a b \r\n', 'a b '],
    ['two\nlines\n', 'two\nlines'],
    [' ', ' '],
  ] as const) {
    const passwordFile = await file('odd', text);
    assert.equal(
      parsed({ redis: { passwordFile } }).databases[0]?.redis.credentials?.password.reveal(),
      expected,
    );
  }
});

test('a secret is not printed in any way, and two can be told apart', () => {
  const one = parsed({ sentinel: { password: 'hunter2' } });
  const printed = [
    inspect(one, { depth: 10, showHidden: true }),
    JSON.stringify(one),
    String(one.sentinel.credentials?.password),
    JSON.stringify(one.sentinel.credentials),
  ];
  for (const text of printed) {
    assert.ok(!text.includes('hunter2'), text);
    assert.ok(text.includes('[redacted]'), text);
  }
  const [same, other] = ['hunter2', 'hunter3'].map((password) => parsed({ sentinel: { password } }));
  assert.ok(isDeepStrictEqual(one, same));
  assert.ok(!isDeepStrictEqual(one, other));
});

test('variables stand in any text of the file, and $${ is a plain ${', () => {
  const config = parsed(
    { sentinels: ['${HOST}:${PORT}'], databases: [{ name: '$${m}', listen: '${LISTEN}' }], drainMs: 5 },
    { HOST: 'h', PORT: '26379', LISTEN: '6379' },
  );
  assert.deepEqual(config.sentinels, [{ host: 'h', port: 26379 }]);
  assert.equal(config.databases[0]?.name, '${m}');
  assert.deepEqual(config.databases[0].listen[0]?.address, { kind: 'tcp', host: '127.0.0.1', port: 6379 });
  const password = '${NOT_EXPANDED} costs $5';
  assert.equal(parsed({ redis: { password } }).databases[0]?.redis.credentials?.password.reveal(), password);
});

test('a ${ in the file of the Go tunnel means itself', () => {
  const original = {
    Sentinels_addresses_list: ['a:1'],
    Databases: [{ Name: '${m}', Local_port: '1' }],
  };
  assert.equal(parseConfig(original, 'x', { env: {} }).databases[0]?.name, '${m}');
});

test('every problem with a secret names its key, and shows no secret', async () => {
  const empty = await file('empty', '\n');
  const long = await file('long', Buffer.alloc(2 * 1024 * 1024));
  const pipe = join(dir, 'pipe');
  execFileSync('mkfifo', [pipe]);
  for (const [more, expected] of [
    [{ sentinel: { password: '${UNSET}' } }, 'sentinel.password: the environment variable UNSET is not set'],
    [{ sentinel: { password: '${EMPTY}' } }, 'sentinel.password: the environment variable EMPTY is not set'],
    [
      { redis: { password: 'a${' } },
      'redis.password: expected "${NAME}" with the name of an environment variable, or "$${" for a literal "${"',
    ],
    [
      { redis: { password: 123456 } },
      'redis.password: expected text of at least one character; in quotes, if it looks like a number, got something else',
    ],
    [
      { sentinels: ['${SECRET}'] },
      'sentinels[0]: expected "host:port" or "[v6]:port", got the value of "${SECRET}"',
    ],
    [
      { sentinel: { password: 'a', passwordFile: 'b' } },
      'sentinel.passwordFile: set "password" or "passwordFile", not both',
    ],
    [{ redis: { username: 'a' } }, 'redis.username: requires "password" or "passwordFile"'],
    [{ redis: { pasword: 'hunter2' } }, 'redis.pasword: unknown key, did you mean "password"?'],
    [
      { redis: { passwordFile: join(dir, 'none') } },
      `redis.passwordFile: cannot use "${dir}/none": no such file`,
    ],
    [{ redis: { passwordFile: dir } }, `redis.passwordFile: cannot use "${dir}": it is a directory`],
    [{ redis: { passwordFile: empty } }, `redis.passwordFile: cannot use "${empty}": it is empty`],
    [
      { redis: { passwordFile: long } },
      `redis.passwordFile: cannot use "${long}": it is longer than 1048576 bytes`,
    ],
    [{ redis: { passwordFile: pipe } }, `redis.passwordFile: cannot use "${pipe}": it is not a file`],
    [
      { databases: [{ name: 'm', listen: 1, redis: { passwordFile: empty } }] },
      `databases[0].redis.passwordFile: cannot use "${empty}": it is empty`,
    ],
  ] as const) {
    assert.deepEqual(problems(more, { SECRET: 'hunter2', EMPTY: '' }), [expected]);
  }
});

test('a password file that everybody may read is worth a warning', async () => {
  const passwordFile = await file('open', 'x', 0o644);
  assert.deepEqual(parsed({ sentinel: { passwordFile } }).warnings, [
    {
      kind: 'secret-readable',
      text: `sentinel.passwordFile: "${passwordFile}" can be read by every user of this machine, chmod o-r`,
    },
  ]);
});
