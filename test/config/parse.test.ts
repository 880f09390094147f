import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/parse.ts';
import { TunnelError } from '../../src/errors.ts';

const unsaid = { allow: [], allowReplication: false, mode: undefined, owner: undefined };

const whole = {
  sentinels: ['10.0.0.1:26379', '[fd00::2]:26379', 'sentinel-3.example:26379'],
  databases: [{ name: 'mymaster', listen: '127.0.0.1:6379' }],
};

function two(first: unknown, second: unknown): unknown {
  return {
    sentinels: ['a:1'],
    databases: [
      { name: 'one', listen: first },
      { name: 'two', listen: second },
    ],
  };
}

function listenOf(listen: unknown): unknown {
  return { sentinels: ['a:1'], databases: [{ name: 'one', listen }] };
}

/** What follows "Invalid configuration in x": one line per problem. */
function problems(input: unknown): string[] {
  try {
    parseConfig(input, 'x');
  } catch (error) {
    assert.ok(error instanceof TunnelError);
    assert.equal(error.code, 'ST_CONFIG_INVALID');
    const [first = '', ...more] = error.message.split('\n  ');
    if (more.length === 0) return [first.replace('Invalid configuration in x: ', '')];
    assert.equal(first, `Invalid configuration in x, ${String(more.length)} problems:`);
    return more;
  }
  return [];
}

test('parseConfig() fills in every default', () => {
  assert.deepEqual(parseConfig(whole, 'x'), {
    sentinels: [
      { host: '10.0.0.1', port: 26379 },
      { host: 'fd00::2', port: 26379 },
      { host: 'sentinel-3.example', port: 26379 },
    ],
    sentinel: { discover: true, replyMs: 1000, pollMs: 1000 },
    databases: [
      {
        name: 'mymaster',
        listen: [{ address: { kind: 'tcp', host: '127.0.0.1', port: 6379 }, ...unsaid }],
        failover: 'promoted',
        onSentinelLoss: 'serve',
        holdMs: 10_000,
        holdMax: 10_000,
        dialMs: 1500,
        maxConnections: 10_000,
        idleMs: 0,
        redis: {},
      },
    ],
    addressMap: [],
    engine: 'auto',
    admin: undefined,
    threads: 1,
    maxConnections: 1_000_000,
    drainMs: 10_000,
    log: { level: 'info', format: 'auto', file: '-' },
    warnings: [],
  });
});

test('redis.port is for every database that has none of its own', () => {
  const databases = [
    { name: 'one', listen: 1 },
    { name: 'two', listen: 2, redis: { port: 7 } },
    { name: 'three', listen: 3, redis: { tls: true } },
  ];
  const ports = (redis: object): readonly (number | undefined)[] =>
    parseConfig({ ...whole, databases, redis }, 'x').databases.map(({ redis: { port } }) => port);
  assert.deepEqual(ports({ port: 6390 }), [6390, 7, 6390]);
  assert.deepEqual(ports({}), [undefined, 7, undefined]);
});

test('parseConfig() gives a value that nobody can change', () => {
  const config = parseConfig(whole, 'x');
  for (const held of [
    config,
    config.sentinels,
    config.sentinels[0],
    config.databases[0]?.listen[0],
    config.log,
  ]) {
    assert.ok(Object.isFrozen(held));
  }
});

test('parseConfig() reads every way to say where to listen', () => {
  const loopback = (port: number): unknown => ({ kind: 'tcp', host: '127.0.0.1', port });
  for (const [listen, expected] of [
    [6379, [loopback(6379)]],
    ['6379', [loopback(6379)]],
    [0, [loopback(0)]],
    ['0.0.0.0:6379', [{ kind: 'tcp', host: '0.0.0.0', port: 6379 }]],
    ['[::1]:6379', [{ kind: 'tcp', host: '::1', port: 6379 }]],
    ['localhost:6379', [{ kind: 'tcp', host: 'localhost', port: 6379 }]],
    ['unix:/run/st/one.sock', [{ kind: 'unix', path: '/run/st/one.sock' }]],
    [
      [6379, '[::1]:6379'],
      [loopback(6379), { kind: 'tcp', host: '::1', port: 6379 }],
    ],
    [
      [0, { address: 0 }],
      [loopback(0), loopback(0)],
    ],
    [{ address: 'unix:/run/s' }, [{ kind: 'unix', path: '/run/s' }]],
  ] as const) {
    assert.deepEqual(
      parseConfig(listenOf(listen), 'x').databases[0]?.listen.map(({ address }) => address),
      expected,
    );
  }
});

const networkWanted =
  'expected a network such as "10.0.0.0/8" or "fd00::/8" with no bits set beyond its prefix, or an address';
test('parseConfig() reads what else a listener may say', () => {
  const config = parseConfig(
    listenOf([
      { address: '0.0.0.0:6379', allow: ['10.0.0.0/8', 'fd00::/8', '192.0.2.1'] },
      { address: 'unix:/run/s', mode: '0660', owner: 'redis:redis' },
      { address: 'unix:/run/t', mode: '600', owner: ':1000' },
    ]),
    'x',
  );
  assert.deepEqual(config.databases[0]?.listen, [
    {
      address: { kind: 'tcp', host: '0.0.0.0', port: 6379 },
      ...unsaid,
      allow: ['10.0.0.0/8', 'fd00::/8', '192.0.2.1'],
    },
    {
      address: { kind: 'unix', path: '/run/s' },
      allow: [],
      allowReplication: false,
      mode: 0o660,
      owner: 'redis:redis',
    },
    {
      address: { kind: 'unix', path: '/run/t' },
      allow: [],
      allowReplication: false,
      mode: 0o600,
      owner: ':1000',
    },
  ]);
});

const sourceWanted = 'expected a key that is "host:port", "host" or a network such as "172.18.0.0/16"';
const listenWanted = 'expected "host:port", a port, or "unix:/path"';
const messages: readonly (readonly [string, unknown, readonly string[]])[] = [
  ['nothing', null, ['expected a mapping of keys to values, got nothing']],
  ['a list', [], ['expected a mapping of keys to values, got an empty list']],
  ['a text', 'sentinels', ['expected a mapping of keys to values, got "sentinels"']],
  [
    'an empty mapping',
    {},
    [
      'sentinels: missing, expected a list of at least one "host:port"',
      'databases: missing, expected a list of at least one database',
    ],
  ],
  [
    'empty lists',
    { sentinels: [], databases: [] },
    [
      'sentinels: expected a list of at least one "host:port", got an empty list',
      'databases: expected a list of at least one database, got an empty list',
    ],
  ],
  [
    'one sentinel that is no list',
    { ...whole, sentinels: 'a:1' },
    ['sentinels: expected a list of at least one "host:port", got "a:1"'],
  ],
  [
    'bad sentinels',
    {
      ...whole,
      sentinels: ['a', 'a:0', 'a:65536', '::1:26379', '[zz]:1', ':1', '1.2.3:4', 26379, '*:1', 'a:1 '],
    },
    [
      '"a"',
      '"a:0"',
      '"a:65536"',
      '"::1:26379"',
      '"[zz]:1"',
      '":1"',
      '"1.2.3:4"',
      '26379',
      '"*:1"',
      '"a:1 "',
    ].map((got, index) => `sentinels[${String(index)}]: expected "host:port" or "[v6]:port", got ${got}`),
  ],
  ['bad port', two(6378, '6379x'), [`databases[1].listen: ${listenWanted}, got "6379x"`]],
  ['port too high', listenOf(65536), [`databases[0].listen: ${listenWanted}, got 65536`]],
  ['port below nothing', listenOf(-1), [`databases[0].listen: ${listenWanted}, got -1`]],
  ['a fraction', listenOf(1.5), [`databases[0].listen: ${listenWanted}, got 1.5`]],
  ['every address by a star', listenOf('*:6379'), [`databases[0].listen: ${listenWanted}, got "*:6379"`]],
  ['IPv6 without brackets', listenOf('::1:6379'), [`databases[0].listen: ${listenWanted}, got "::1:6379"`]],
  ['relative unix path', listenOf('unix:run/x'), [`databases[0].listen: ${listenWanted}, got "unix:run/x"`]],
  [
    'no listen',
    { ...whole, databases: [{ name: 'one' }] },
    ['databases[0].listen: missing, expected a listen address, or a list of at least one'],
  ],
  [
    'an empty list of listeners',
    listenOf([]),
    ['databases[0].listen: expected a listen address, or a list of at least one, got an empty list'],
  ],
  ['one bad listener in a list', listenOf([6379, 'x']), [`databases[0].listen[1]: ${listenWanted}, got "x"`]],
  [
    'listen as an object that says nothing',
    listenOf([6379, {}]),
    [`databases[0].listen[1].address: missing, ${listenWanted}`],
  ],
  [
    'listen as an object with a wrong address and a wrong key',
    listenOf({ adress: '6379', address: 'x' }),
    [
      `databases[0].listen.address: ${listenWanted}, got "x"`,
      'databases[0].listen.adress: unknown key, did you mean "address"?',
    ],
  ],
  [
    'an object that collides with a bare port',
    listenOf([{ address: 6379 }, 6379]),
    ['databases[0].listen[1]: "127.0.0.1:6379" is taken by databases[0].listen[0].address already'],
  ],
  [
    'what a listener cannot say',
    listenOf([
      { address: 1, allow: [] },
      { address: 2, allow: ['10.0.0.1/8', 'fd00::/8', 'example'] },
      { address: 3, mode: '0660', owner: 'redis' },
      { address: 'unix:/a', allow: ['10.0.0.0/8'] },
      { address: 'unix:/b', mode: '0999', owner: ':' },
      { address: 'unix:/c', mode: 660, owner: 'a b' },
      { address: 'unix:/d', owner: '' },
    ]),
    [
      'databases[0].listen[0].allow: expected a list of at least one network, got an empty list',
      `databases[0].listen[1].allow[0]: ${networkWanted}, got "10.0.0.1/8"`,
      `databases[0].listen[1].allow[2]: ${networkWanted}, got "example"`,
      'databases[0].listen[2].mode: expected a unix socket for "mode", got "0660"',
      'databases[0].listen[2].owner: expected a unix socket for "owner", got "redis"',
      'databases[0].listen[3].allow: expected no "allow" for a unix socket, which has "mode" and "owner", got a list',
      'databases[0].listen[4].mode: expected permissions in octal as a text, such as "0660", got "0999"',
      'databases[0].listen[4].owner: expected "user", "user:group" or ":group", by name or number, got ":"',
      'databases[0].listen[5].mode: expected permissions in octal as a text, such as "0660", got 660',
      'databases[0].listen[5].owner: expected "user", "user:group" or ":group", by name or number, got "a b"',
      'databases[0].listen[6].owner: expected "user", "user:group" or ":group", by name or number, got ""',
    ],
  ],
  ['a listener that is a truth', listenOf([true]), [`databases[0].listen[0]: ${listenWanted}, got true`]],
  [
    'duplicate listeners in one database',
    listenOf([6379, '127.0.0.1:6379']),
    ['databases[0].listen[1]: "127.0.0.1:6379" is taken by databases[0].listen[0] already'],
  ],
  [
    'duplicate listeners of two databases',
    two(6379, '6379'),
    ['databases[1].listen: "127.0.0.1:6379" is taken by databases[0].listen already'],
  ],
  [
    'a wildcard beside one of its addresses',
    two('0.0.0.0:6379', '10.0.0.1:6379'),
    [
      'databases[1].listen: "10.0.0.1:6379" collides with "0.0.0.0:6379", taken by databases[0].listen already',
    ],
  ],
  [
    'the IPv6 wildcard beside an IPv4 address',
    two('127.0.0.1:6379', '[::]:6379'),
    ['databases[1].listen: "[::]:6379" collides with "127.0.0.1:6379", taken by databases[0].listen already'],
  ],
  [
    'two spellings of one IPv6 address',
    two('[::1]:6379', '[0:0::0:1]:6379'),
    [
      'databases[1].listen: "[0:0::0:1]:6379" collides with "[::1]:6379", taken by databases[0].listen already',
    ],
  ],
  [
    'one unix socket twice',
    two('unix:/a', 'unix:/a'),
    ['databases[1].listen: "unix:/a" is taken by databases[0].listen already'],
  ],
  [
    'bad names',
    {
      ...whole,
      databases: ['', 'a\nb', ' a', 7].map((name, index) => ({ name, listen: 6379 + index })),
    },
    ['""', '"a\\nb"', '" a"', '7'].map(
      (got, index) =>
        `databases[${String(index)}].name: expected the name of a master in Sentinel, as printable text, got ${got}`,
    ),
  ],
  [
    'wrong kinds and ranges',
    {
      ...whole,
      sentinel: { discover: 'yes', replyMs: 0, pollMs: 5 },
      engine: 'turbo',
      threads: 0,
      drainMs: -1,
      log: { level: 'trace', format: 'xml', file: '' },
    },
    [
      'sentinel.discover: expected true or false, got "yes"',
      'sentinel.replyMs: expected milliseconds, a whole number from 1, got 0',
      'sentinel.pollMs: expected milliseconds, a whole number from 10, got 5',
      'engine: expected one of "auto", "io_uring", "epoll", "streams", got "turbo"',
      'threads: expected a whole number from 1 to 256, got 0',
      'drainMs: expected milliseconds, a whole number from 0, got -1',
      'log.level: expected one of "debug", "info", "warn", "error", got "trace"',
      'log.format: expected one of "auto", "json", "pretty", got "xml"',
      'log.file: expected a path, or "-" for standard output, got ""',
    ],
  ],
  [
    'wrong kinds and ranges in a database',
    {
      ...whole,
      databases: [
        {
          name: 'one',
          listen: 6379,
          failover: 'soon',
          onSentinelLoss: 'panic',
          holdMs: '10s',
          holdMax: 0.5,
          dialMs: 0,
          maxConnections: 0,
        },
      ],
    },
    [
      'databases[0].failover: expected one of "promoted", "announced", got "soon"',
      'databases[0].onSentinelLoss: expected one of "serve", "refuse", got "panic"',
      'databases[0].holdMs: expected milliseconds, a whole number from 1, got "10s"',
      'databases[0].holdMax: expected a whole number from 0 to 1000000, got 0.5',
      'databases[0].dialMs: expected milliseconds, a whole number from 1, got 0',
      'databases[0].maxConnections: expected a whole number from 1 to 1000000, got 0',
    ],
  ],
  [
    'a delay longer than a timer can be',
    { ...whole, drainMs: 2 ** 31 },
    ['drainMs: expected milliseconds, a whole number from 0, got 2147483648'],
  ],
  [
    'a section that is no mapping',
    { ...whole, log: 'debug' },
    ['log: expected a mapping of keys to values, got "debug"'],
  ],
  [
    'unknown keys',
    {
      ...whole,
      sentinles: [],
      holdMs: 5,
      colour: 1,
      'a b': 1,
      databases: [{ name: 'one', listen: 6379, maxConnection: 5, level: 'info', Listen: 1 }],
    },
    [
      'databases[0].maxConnection: unknown key, did you mean "maxConnections"?',
      'databases[0].level: unknown key here, it belongs to "log"',
      'databases[0].Listen: unknown key, did you mean "listen"?',
      'sentinles: unknown key, did you mean "sentinels"?',
      'holdMs: unknown key here, it belongs to "databases[]"',
      'colour: unknown key',
      '["a b"]: unknown key',
    ],
  ],
  [
    'an address map that nobody can read',
    {
      ...whole,
      addressMap: {
        '10.0.0.1/8': 'a',
        'a b': 'a',
        'a:0': 'a',
        '10.0.0.1': 'b:x',
        c: 7,
        'FD00::1': 'a',
        '[fd00:0::1]': 'b',
      },
    },
    [
      'addressMap["10.0.0.1"]: expected "host:port", "host" or ":port" to connect to, got "b:x"',
      'addressMap.c: expected "host:port", "host" or ":port" to connect to, got 7',
    ],
  ],
  [
    'ports that there are not',
    {
      ...whole,
      addressMap: { a: ':0', b: ':65536', c: ':', d: ':x' },
      redis: { port: 0 },
      databases: [{ name: 'one', listen: 6379, redis: { port: 65_536 } }],
    },
    [
      'redis.port: expected a whole number from 1 to 65535, got 0',
      'databases[0].redis.port: expected a whole number from 1 to 65535, got 65536',
      ...[':0', ':65536', ':', ':x'].map(
        (text, at) =>
          `addressMap.${'abcd'[at] ?? ''}: expected "host:port", "host" or ":port" to connect to, got "${text}"`,
      ),
    ],
  ],
  [
    'an address map with keys that nobody can read',
    {
      ...whole,
      addressMap: { '10.0.0.1/8': 'a', 'a b': 'a', 'a:0': 'a', 'FD00::1': 'a', '[fd00:0::1]': 'b' },
    },
    [
      `addressMap["10.0.0.1/8"]: ${sourceWanted}, got "a"`,
      `addressMap["a b"]: ${sourceWanted}, got "a"`,
      `addressMap["a:0"]: ${sourceWanted}, got "a"`,
      'addressMap["[fd00:0::1]"]: expected no other key for what "FD00::1" says already, got "b"',
    ],
  ],
  [
    'a key that is not built',
    { ...whole, databases: [{ name: 'one', listen: 6379, role: 'replica' }] },
    ['databases[0].role: unknown key'],
  ],
  [
    'keys of the original in a database of ours',
    { ...whole, databases: [{ Name: 'one', Local_port: 6379 }] },
    [
      'databases[0].name: missing, expected the name of a master in Sentinel, as printable text',
      'databases[0].listen: missing, expected a listen address, or a list of at least one',
      'databases[0].Name: unknown key, did you mean "name"?',
      'databases[0].Local_port: a key of the original form in a database of this form: use "listen"',
    ],
  ],
];

for (const [what, input, expected] of messages) {
  test(`parseConfig() says what is wrong: ${what}`, () => {
    assert.deepEqual(problems(input), expected);
  });
}

test('parseConfig() leaves apart what can be bound side by side', () => {
  for (const [first, second] of [
    ['127.0.0.1:6379', '127.0.0.2:6379'],
    ['0.0.0.0:6379', '[::1]:6379'],
    ['0.0.0.0:6379', '0.0.0.0:6380'],
    ['unix:/a', 'unix:/b'],
    [0, 0],
  ]) {
    assert.deepEqual(problems(two(first, second)), []);
  }
});

test('parseConfig() lets one master have two databases with other settings', () => {
  const config = parseConfig(
    {
      sentinels: ['a:1'],
      databases: [
        { name: 'one', listen: 6379, holdMs: 5 },
        { name: 'one', listen: 6380 },
      ],
    },
    'x',
  );
  assert.deepEqual(
    config.databases.map(({ holdMs }) => holdMs),
    [5, 10_000],
  );
});

test('parseConfig() names the flag or the variable that a wrong value came from', () => {
  assert.throws(
    () =>
      parseConfig({ ...whole, log: { level: 'info' } }, '/etc/st.yaml', {
        sentinels: { values: ['a'], from: '--sentinel' },
        databases: {
          values: [
            { name: 'm', listen: '6379x' },
            { name: 'm', listen: '1' },
          ],
          from: 'SENTINEL_TUNNEL_DATABASES',
        },
        log: { level: { value: 'loud', from: '--log-level' } },
      }),
    {
      message: [
        'Invalid configuration in /etc/st.yaml, 3 problems:',
        '--sentinel: expected "host:port" or "[v6]:port", got "a"',
        `SENTINEL_TUNNEL_DATABASES: ${listenWanted}, got "6379x"`,
        '--log-level: expected one of "debug", "info", "warn", "error", got "loud"',
      ].join('\n  '),
    },
  );
});

test('parseConfig() lets a flag replace what the file says', () => {
  const config = parseConfig({ ...whole, log: { level: 'warn', format: 'json' } }, 'x', {
    sentinels: { values: ['b:2'], from: '--sentinel' },
    log: { level: { value: 'debug', from: '--log-level' } },
  });
  assert.deepEqual(config.sentinels, [{ host: 'b', port: 2 }]);
  assert.deepEqual(config.log, { level: 'debug', format: 'json', file: '-' });
  assert.equal(config.databases[0]?.name, 'mymaster');
});
