import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { keyTable } from '../../scripts/reference.ts';

const root = fileURLToPath(new URL('../../..', import.meta.url));
const page = readFileSync(join(root, 'SECURITY.md'), 'utf8');

test('every bound in SECURITY.md is the constant that it names', () => {
  const rows = rowsIn('bounds');
  assert.ok(rows.length > 12);
  for (const [what = '', bound = '', place = ''] of rows) {
    const [file = '', name = ''] = [...place.matchAll(/`([^`]+)`/g)].map(([, text = '']) => text);
    const source = readFileSync(join(root, file), 'utf8');
    const [, value = ''] = new RegExp(`const ${name} = ([\\d_ *]+);`).exec(source) ?? [];
    const factors = value.split('*').map((factor) => Number(factor.replaceAll('_', '')));
    assert.equal(
      factors.reduce((product, factor) => product * factor, 1),
      Number(/^\d+/.exec(bound)?.[0]),
      what,
    );
    assert.equal(name.endsWith('Ms'), bound.endsWith(' ms'), what);
    assert.equal(name.endsWith('Bytes'), bound.endsWith(' bytes'), what);
  }
});

test('every default in SECURITY.md is that of the configuration', () => {
  const table = keyTable().split('\n');
  for (const [, key = '', value = ''] of rowsIn('defaults')) {
    assert.ok(
      table.some((row) => row.startsWith(`| ${key} | ${value} |`)),
      `${key} ${value}`,
    );
  }
});

function rowsIn(name: string): string[][] {
  const [, text = ''] = new RegExp(`<!-- ${name} -->([^]*?)<!-- /${name} -->`).exec(page) ?? [];
  const rows = text.split('\n').filter((line) => line.startsWith('|'));
  return rows.slice(2).map((row) =>
    row
      .split('|')
      .slice(1, -1)
      .map((cell) => cell.trim()),
  );
}
