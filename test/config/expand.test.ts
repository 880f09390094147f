import assert from 'node:assert/strict';
import { test } from 'node:test';
import { configurationText } from '../../src/cli/init-text.ts';
import { escapeReferences, expand } from '../../src/config/text.ts';
import { parseConfig } from '../../src/config/parse.ts';
import { parseText } from '../../src/config/text.ts';
import { fc } from '../support/properties.ts';

const env = { SECRET: 'hush', A: 'x', _: 'y' };
/** Any text, and above all what looks like a reference. */
const anyText = fc
  .array(
    fc.oneof(
      fc.constantFrom('$', '{', '}', '${', '$${', 'SECRET', '${SECRET}', 'A', '\\', '"', "'"),
      fc.string({ unit: 'binary' }),
    ),
  )
  .map((parts) => parts.join(''));

test('any text that was escaped is expanded to itself', () => {
  fc.assert(
    fc.property(anyText, (text) => {
      assert.deepEqual(expand({ [text]: [escapeReferences(text)] }, env), {
        input: { [text]: [text] },
        problems: [],
      });
    }),
    { numRuns: 2_000 },
  );
});

test('any name that init writes is read back as it is, whatever the environment holds', () => {
  const anyName = anyText.filter((name) => name !== '' && name.trim() === name && !/\p{Cc}/u.test(name));
  fc.assert(
    fc.property(anyName, (name) => {
      const text = configurationText({
        sentinels: [{ host: '127.0.0.1', port: 1 }],
        access: {},
        adminPort: undefined,
        schema: undefined,
        silent: [{ host: name, port: 2 }],
        databases: [{ name, port: 3 }],
      });
      assert.doesNotMatch(text, /(?!\n)[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/u);
      const { databases, sentinels } = parseConfig(parseText(text, 'written'), 'written', { env });
      assert.deepEqual(
        databases.map((database) => database.name),
        [name],
      );
      assert.equal(sentinels.length, 1);
    }),
    { numRuns: 500 },
  );
});
