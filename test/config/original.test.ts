import assert from 'node:assert/strict';
import { test } from 'node:test';
import { parseConfig } from '../../src/config/parse.ts';

const original = {
  Sentinels_addresses_list: ['10.0.0.1:26379', '[fd00::2]:26379'],
  Databases: [
    { Name: 'db1', Local_port: '12345' },
    { Name: 'db2@internal', Local_port: 12346 },
  ],
};

test("the original's configuration works as it is, with its listeners on loopback", () => {
  const config = parseConfig(original, 'x');
  assert.deepEqual(config.sentinels, [
    { host: '10.0.0.1', port: 26379 },
    { host: 'fd00::2', port: 26379 },
  ]);
  assert.deepEqual(
    config.databases.map(({ name, listen }) => [name, listen]),
    [
      [
        'db1',
        [
          {
            address: { kind: 'tcp', host: '127.0.0.1', port: 12345 },
            allow: [],
            allowReplication: false,
            mode: undefined,
            owner: undefined,
          },
        ],
      ],
      [
        'db2@internal',
        [
          {
            address: { kind: 'tcp', host: '127.0.0.1', port: 12346 },
            allow: [],
            allowReplication: false,
            mode: undefined,
            owner: undefined,
          },
        ],
      ],
    ],
  );
});

test("the original's keys are matched whatever their case, as Go matches them", () => {
  const config = parseConfig(
    { sentinels_addresses_list: ['a:1'], databases: [{ name: 'db1', LOCAL_PORT: '1' }] },
    'x',
  );
  assert.equal(config.databases[0]?.name, 'db1');
});

test("a file of the original's form may take its Sentinels from a flag", () => {
  const config = parseConfig(original, 'x', { sentinels: { values: ['b:2'], from: '--sentinel' } });
  assert.deepEqual(config.sentinels, [{ host: 'b', port: 2 }]);
});

const portWanted = 'expected a port (to listen on more than loopback, use the other form: "listen")';
const messages: readonly (readonly [string, unknown, readonly string[]])[] = [
  [
    'misspelt keys',
    { Sentinels_addresses_list: ['a:1'], Databases: [{ Name: 'a', Locl_port: '1' }], Databses: [] },
    [
      'Databses: unknown key, did you mean "Databases"?',
      'Databases[0].Locl_port: unknown key, did you mean "Local_port"?',
      `Databases[0].Local_port: missing, ${portWanted}`,
    ],
  ],
  [
    'no Sentinels',
    { Databases: [{ Name: 'a', Local_port: '1' }] },
    ['Sentinels_addresses_list: missing, expected a list of at least one "host:port"'],
  ],
  [
    'no databases',
    { Sentinels_addresses_list: ['a:1'] },
    ['Databases: missing, expected a list of at least one database'],
  ],
  [
    'bad values',
    {
      Sentinels_addresses_list: ['a'],
      Databases: [{ Local_port: '0.0.0.0:6379' }, 7],
    },
    [
      `Databases[0].Local_port: ${portWanted}, got "0.0.0.0:6379"`,
      'Sentinels_addresses_list[0]: expected "host:port" or "[v6]:port", got "a"',
      'Databases[0].Name: missing, expected the name of a master in Sentinel, as printable text',
      'Databases[1]: expected a mapping of keys to values, got 7',
    ],
  ],
  [
    'one port twice',
    {
      Sentinels_addresses_list: ['a:1'],
      Databases: [
        { Name: 'a', Local_port: '6379' },
        { Name: 'b', Local_port: 6379 },
      ],
    },
    ['Databases[1].Local_port: "127.0.0.1:6379" is taken by Databases[0].Local_port already'],
  ],
  [
    'both forms in one file',
    {
      Sentinels_addresses_list: ['a:1'],
      sentinels: ['a:1'],
      Databases: [{ Name: 'a', Local_port: '1', holdMs: 5 }],
    },
    [
      'sentinels: a key of the form with "sentinels" and "databases" in a file of the form with "Sentinels_addresses_list": use one form',
      'Databases[0].holdMs: a key of the form with "sentinels" and "databases" in a file of the form with "Sentinels_addresses_list": use one form',
    ],
  ],
];

for (const [what, input, expected] of messages) {
  test(`a configuration of the original's form is told what is wrong: ${what}`, () => {
    const head =
      expected.length === 1
        ? 'Invalid configuration in x: '
        : `Invalid configuration in x, ${String(expected.length)} problems:\n  `;
    assert.throws(() => parseConfig(input, 'x'), { message: head + expected.join('\n  ') });
  });
}
