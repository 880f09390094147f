import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { test } from 'node:test';
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

test('parseText() names line and column of every error', () => {
  assert.throws(() => parseText('sentinels: ["a:1"\ndatabases: 1\n', 'st.yaml'), {
    code: 'ST_CONFIG_INVALID',
    message: /^Cannot parse configuration: st\.yaml:2:\d+: /,
  });
  assert.throws(() => parseText('a: [1\nb: @x\n', 'st.yaml'), {
    message: /st\.yaml:2:1: .*\n {2}st\.yaml:2:4: /s,
  });
});

test('parseText() names the first error alone in a text that is meant as JSON', () => {
  const table = [
    ['{"a": 1,\n "b" 2}', '2:6: Missing , or : between flow map items'],
    ['{"a": ["x"] "b": 1}', '1:13: Unexpected double-quoted-scalar at node end'],
    [
      '{"a": ["x", "b": 1}',
      '1:19: Flow sequence in block collection must be sufficiently indented and end with a ]',
    ],
    ['{\n"a": ["x"\n"y"],\n"b": [{}\n', '3:1: Missing , or : between flow sequence items'],
    ['{"a": [1,, 2]}', '1:10: Unexpected , in flow sequence'],
    ['{"a": {"b": 1}', '1:15: Flow map must end with a }'],
    ['{"a": "x}', '1:10: Missing closing "quote'],
    ['{"a": 1}}', '1:9: Unexpected flow-map-end token in YAML stream'],
  ] as const;
  for (const [text, error] of table) {
    assert.throws(() => parseText(text, 'st.json'), {
      code: 'ST_CONFIG_INVALID',
      message: `Cannot parse configuration: st.json:${error}`,
    });
  }
  // What YAML allows beyond JSON is allowed.
  assert.deepEqual(parseText('{"a": [1, 2,], # why\n b: c}', 'x'), { a: [1, 2], b: 'c' });
});

test('parseText() quotes nothing of the text, which may be a secret', () => {
  const texts = [
    ...[
      '{"secret": "x" hunter2}',
      '{"a": 1} hunter2',
      '{"a": "x',
      '}hunter2',
      'a: |hunter2\n  x',
      'a: "x" hunter2',
    ],
    ...['password: *hunter2', '["x"] "hunter2"'],
  ];
  for (const text of texts)
    assert.throws(
      () => parseText(text, 'st.yaml'),
      (error: Error) => !`${error.message} ${String(error.cause)}`.includes('hunter'),
      text,
    );
});

test('parseText() reads every JSON text as JSON.parse() does', () => {
  fc.assert(
    fc.property(fc.jsonValue(), (value) => {
      const text = JSON.stringify({ value }, undefined, 1);
      assert.deepEqual(parseText(text, 'x'), JSON.parse(text));
    }),
    { numRuns: 200 },
  );
});

test('parseText() refuses a duplicate key', () => {
  assert.throws(() => parseText('{"drainMs": 1,\n"drainMs": 2}', 'st.json'), {
    message: 'Cannot parse configuration: st.json:2:1: duplicate key',
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

test('parseText() refuses collections nested so deeply that the parser would end the process', () => {
  const many = 20_000;
  const indented = Array.from({ length: 1_000 }, (_, depth) => `${' '.repeat(depth)}a:`).join('\n');
  for (const [text, place] of [
    ['['.repeat(many), '1:64'],
    ['['.repeat(500_000), '1:64'],
    ['{a: '.repeat(many), '1:253'],
    [`a: 1\nb: ${'["]", '.repeat(many)}`, '2:'],
    [`a: ${'- '.repeat(many)}`, '1:'],
    ['- '.repeat(many), '1:129'],
    ['? '.repeat(many), '1:129'],
    [': '.repeat(many), '1:129'],
    [indented, '65:65'],
    [`a: "x\ny"\nb: ${"['it''s', ".repeat(many)}`, '3:'],
    [`# don't\n${'['.repeat(many)}`, '2:'],
  ] as const) {
    assert.throws(
      () => parseText(text, 'st.yaml'),
      (error: Error & { readonly code?: string }) =>
        error.code === 'ST_CONFIG_INVALID' &&
        error.message.startsWith(`Cannot parse configuration: st.yaml:${place}`) &&
        error.message.endsWith(': nested deeper than 64 levels'),
      text.slice(0, 20),
    );
  }
});

test('parseText() takes brackets in scalars and comments for what they are, and counts levels that have ended once', () => {
  const brackets = '['.repeat(200);
  assert.deepEqual(parseText(`a: "${brackets}" # ${brackets}\nb: '${brackets}'\n# ${brackets}\n`, 'x'), {
    a: brackets,
    b: brackets,
  });
  const rows = Array.from({ length: 500 }, (_, index) => ({ name: `d${String(index)}`, listen: [index] }));
  assert.deepEqual(parseText(JSON.stringify({ rows }, undefined, 2), 'x'), { rows });
  const blocks = rows.map(
    ({ name, listen: [port] }) => `  - name: ${name}\n    listen:\n      - ${String(port)}\n`,
  );
  assert.deepEqual(parseText(`rows:\n${blocks.join('')}`, 'x'), { rows });
  const deep = `${'['.repeat(60)}1${']'.repeat(60)}`;
  assert.equal(JSON.stringify(parseText(deep, 'x')), deep);
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
