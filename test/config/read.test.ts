import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
import { jsonSlipIn } from '../../src/config/json-slip.ts';
import { fc } from '../support/properties.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { readConfig } from '../../src/config/read.ts';
import { parseText } from '../../src/config/text.ts';
import { TunnelError } from '../../src/errors.ts';

test('parseText() reads YAML and JSON, with a byte order mark or tabs', () => {
  const expected = { sentinels: ['a:1'], log: { level: 'info' } };
  assert.deepEqual(parseText('sentinels: [ "a:1" ]\nlog:\n  level: info # said\n', 'x'), expected);
  assert.deepEqual(parseText('\uFEFF{"sentinels": ["a:1"], "log": {"level": "info"}}', 'x'), expected);
  assert.deepEqual(
    parseText('{\n\t"sentinels": [\n\t\t"a:1"\n\t],\n\t"log": {"level": "info"}\n}\n', 'x'),
    expected,
  );
});

test('parseText() names line and column of a slip', () => {
  assert.throws(() => parseText('sentinels: ["a:1"\ndatabases: 1\n', 'st.yaml'), {
    code: 'ST_CONFIG_INVALID',
    message: /^Cannot parse configuration: st\.yaml:2:\d+: /,
  });
});

test('parseText() tells a slip in JSON in the words of JSON, and the first alone', () => {
  const table = [
    ['{"a": 1,\n "b" 2}', '2:6: expected ":" after a key, got something else'],
    ['{"a": ["x"] "b": 1}', '1:13: expected "," or "}" after a value, got a double quote'],
    ['{"a": ["x", "b": 1}', '1:16: expected "," or "]" after a value, got ":"'],
    ['{\n"a": ["x"', '2:6: expected a "]" that ends what begins here'],
    [
      '{"a": [1,, 2]}',
      '1:10: expected a value: a text in double quotes, a number, true, false, {…} or […], got ","',
    ],
    ['{"a": {"b": 1}', '1:1: expected a "}" that ends what begins here'],
    ['{"a": "x}', '1:7: expected a text that ends with a double quote on its own line'],
    ['{"a": 1}}', '1:9: expected nothing more, got "}"'],
    ['{"secret": "hunter2" hunter3}', '1:22: expected "," or "}" after a value, got something else'],
  ] as const;
  for (const [text, slip] of table) {
    assert.throws(() => parseText(text, 'st.json'), {
      code: 'ST_CONFIG_INVALID',
      message: `Cannot parse configuration: st.json:${slip}`,
    });
  }
  // What YAML allows beyond JSON goes on being allowed.
  assert.deepEqual(parseText('{"a": [1, 2,], # why\n b: c}', 'x'), { a: [1, 2], b: 'c' });
});

test('jsonSlipIn() finds a slip where JSON.parse() does, and none where it does not', () => {
  fc.assert(
    fc.property(
      fc.json(),
      fc.nat(),
      fc.constantFrom('', '{', '}', '[', ']', ',', ':', '"', '1', 'true', ' '),
      (json, at, more) => {
        const place = at % (json.length + 1);
        const text = `${json.slice(0, place)}${more}${json.slice(place)}`;
        let isJson = true;
        try {
          JSON.parse(text);
        } catch {
          isJson = false;
        }
        assert.equal(jsonSlipIn(text) === undefined, isJson, text);
      },
    ),
  );
});

test('parseText() refuses a key that stands twice', () => {
  assert.throws(() => parseText('{"drainMs": 1,\n"drainMs": 2}', 'st.json'), {
    message: 'Cannot parse configuration: st.json:2:1: this key stands there twice',
  });
});

test('parseText() refuses aliases nested to exhaust memory', () => {
  const levels = Array.from({ length: 12 }, (_, level) =>
    level === 0
      ? 'l0: &l0 [x, x]'
      : `l${String(level)}: &l${String(level)} [${`*l${String(level - 1)}, `.repeat(9)}]`,
  );
  assert.throws(() => parseText(levels.join('\n'), 'bomb.yaml'), { code: 'ST_CONFIG_INVALID' });
});

test('readConfig() refuses what would take long to parse', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'st-long-'));
  try {
    const file = join(dir, 'long.yaml');
    await writeFile(file, `#${'x'.repeat(1024 * 1024)}`);
    await assert.rejects(readConfig(file), {
      code: 'ST_CONFIG_UNREADABLE',
      message: `Cannot read configuration "${file}": it is longer than 1048576 bytes`,
    });
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('readConfig() says why a file cannot be read', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'st-'));
  try {
    const file = join(dir, 'none.yaml');
    await assert.rejects(readConfig(file), {
      code: 'ST_CONFIG_UNREADABLE',
      message: `Cannot read configuration "${file}": no such file`,
    });
    await assert.rejects(readConfig(dir), {
      message: `Cannot read configuration "${dir}": it is a directory`,
    });
    await writeFile(file, 'sentinels: [ "a:1" ]\ndatabases: [ { name: m, listen: 1 } ]\n');
    assert.equal((await readConfig(file)).databases[0]?.name, 'm');
  } finally {
    await rm(dir, { recursive: true });
  }
});

test('parseConfig() never fails but with a TunnelError, whatever it is given', () => {
  const key = fc.constantFrom(
    ...['sentinels', 'databases', 'log', 'level', 'name', 'listen', 'Databases', 'Sentinels_addresses_list'],
    ...['Name', 'Local_port', '__proto__', 'constructor', 'toString'],
  );
  const leaf = fc.oneof(
    fc.jsonValue({ maxDepth: 1 }),
    fc.constantFrom('a:1', 6379, 'unix:/x', '[::]:1', -1, ''),
  );
  const { tree } = fc.letrec((tie) => ({
    tree: fc.oneof(
      { maxDepth: 4 },
      leaf,
      fc.dictionary(key, tie('tree'), { maxKeys: 5 }),
      fc.array(tie('tree'), { maxLength: 3 }),
    ),
  }));
  fc.assert(
    fc.property(fc.oneof(tree, fc.jsonValue()), (input) => {
      try {
        parseConfig(input, 'x');
      } catch (error) {
        assert.ok(error instanceof TunnelError, String(error));
        assert.equal(error.code, 'ST_CONFIG_INVALID');
      }
    }),
    { numRuns: 2000 },
  );
});
