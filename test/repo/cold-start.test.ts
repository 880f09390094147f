import assert from 'node:assert/strict';
import { dirname, posix } from 'node:path';
import { test } from 'node:test';
import ts from 'typescript';
import { readSources } from './sources.ts';

const sources = readSources();

/** What a file imports as soon as it is loaded: neither types nor what is imported when it is needed. */
function loadedBy(path: string): readonly string[] {
  const source = sources.get(path);
  assert.ok(source, path);
  return source.statements.flatMap((statement) => {
    if (!ts.isImportDeclaration(statement) || !ts.isStringLiteral(statement.moduleSpecifier)) return [];
    const { importClause } = statement;
    const named = importClause?.namedBindings;
    const areTypes =
      importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword ||
      (named !== undefined &&
        ts.isNamedImports(named) &&
        named.elements.every(({ isTypeOnly }) => isTypeOnly));
    return areTypes ? [] : [statement.moduleSpecifier.text];
  });
}

/** Everything that is loaded with these files: paths of ours, and names of packages. */
function loadedWith(...entries: readonly string[]): ReadonlySet<string> {
  const loaded = new Set(entries);
  for (const path of loaded) {
    if (!sources.has(path)) continue;
    for (const name of loadedBy(path)) {
      loaded.add(name.startsWith('.') ? posix.join(dirname(path), name) : name);
    }
  }
  return loaded;
}

test('status loads no parser, no server and no engine, so that it is there at once', () => {
  const loaded = loadedWith('main.ts', 'cli/process.ts', 'cli/status.ts');
  const packages = [...loaded].filter((name) => !sources.has(name) && !name.startsWith('node:'));
  assert.deepEqual(packages, ['commander']);
  assert.ok(loaded.has('cli/admin-client.ts'));
  assert.ok(loadedWith('cli/run.ts').has('hono'), 'what is looked for would be found');
});
