import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { test } from 'node:test';
import { jsonSchema, keyTable, pageFile, schemaFile, tableIn } from '../../scripts/reference.ts';
import { parseText } from '../../src/config/text.ts';
import { parseConfig } from '../../src/config/parse.ts';

const page = readFileSync(pageFile, 'utf8');

test('the published JSON Schema is that of the code (npm run reference)', () => {
  assert.deepEqual(JSON.parse(readFileSync(schemaFile, 'utf8')), JSON.parse(JSON.stringify(jsonSchema())));
});

test('the page has every key with its default and its unit (npm run reference)', () => {
  assert.deepEqual(rows(tableIn(page)), rows(keyTable()));
});

test('every key in milliseconds says so', () => {
  for (const row of rows(keyTable()).filter(([key]) => key?.endsWith('Ms`'))) {
    assert.match(row[2] ?? '', /milliseconds/, row[0]);
  }
});

test('the example of the page is a configuration', () => {
  const [, example = ''] = /```yaml\n([^]*?)```/.exec(page) ?? [];
  assert.equal(parseConfig(parseText(example, 'page'), 'page').databases[0]?.name, 'mymaster');
});

test('the page names every variable and every flag', () => {
  const sources = readFileSync(new URL('../../../src/cli/sources.ts', import.meta.url), 'utf8');
  const names = new Set(sources.match(/SENTINEL_TUNNEL_[A-Z_]+|--[a-z-]+/g));
  assert.ok(names.size >= 9, [...names].join(' '));
  for (const name of names) assert.ok(page.includes(`\`${name}`), name);
});

/** The cells, however wide the table is set. */
function rows(table: string): string[][] {
  return table
    .split('\n')
    .filter((line) => line.startsWith('| `'))
    .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| |\|$/g, '').trim()));
}
