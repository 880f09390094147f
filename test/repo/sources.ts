import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import ts from 'typescript';

/** The checkout: tests run from build/test/repo. */
const root = fileURLToPath(new URL('../../..', import.meta.url));

/** One import of a file of ours by another. */
export interface Import {
  readonly from: string;
  readonly to: string;
  /** Whether nothing of it is left when the program runs. */
  readonly isTypeOnly: boolean;
}

/** Every source file, by its path below `src/` with forward slashes. */
export function readSources(): ReadonlyMap<string, ts.SourceFile> {
  const src = join(root, 'src');
  const names = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter((name) =>
    name.endsWith('.ts'),
  );
  return new Map(
    names.map((name) => {
      const text = readFileSync(join(src, name), 'utf8');
      const path = name.split(sep).join('/');
      return [path, ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)];
    }),
  );
}

/** The relative imports and re-exports of a file, dynamic and type-only ones included. */
export function importsOf(path: string, source: ts.SourceFile): Import[] {
  const found: Import[] = [];
  const add = (specifier: ts.Node | undefined, isTypeOnly: boolean): void => {
    if (!specifier || !ts.isStringLiteral(specifier) || !specifier.text.startsWith('.')) return;
    const to = normalize(join(dirname(path), specifier.text))
      .split(sep)
      .join('/');
    found.push({ from: path, to, isTypeOnly });
  };
  visit(source, (node) => {
    if (ts.isImportDeclaration(node)) add(node.moduleSpecifier, namesTypesAlone(node.importClause));
    else if (ts.isExportDeclaration(node)) add(node.moduleSpecifier, node.isTypeOnly);
    else if (ts.isCallExpression(node) && node.expression.kind === ts.SyntaxKind.ImportKeyword)
      add(node.arguments[0], false);
  });
  return found;
}

/** Whether an import is of types alone: `import type { A }`, or `import { type A }`. */
function namesTypesAlone(clause: ts.ImportClause | undefined): boolean {
  if (!clause) return false;
  const { phaseModifier, name, namedBindings } = clause;
  if (phaseModifier === ts.SyntaxKind.TypeKeyword) return true;
  return (
    !name &&
    namedBindings !== undefined &&
    ts.isNamedImports(namedBindings) &&
    namedBindings.elements.every((element) => element.isTypeOnly)
  );
}

/** Whether the file names a global, as opposed to a property or a key of that name. */
export function namesGlobal(source: ts.SourceFile, name: string): boolean {
  let found = false;
  visit(source, (node) => {
    if (!ts.isIdentifier(node) || node.text !== name) return;
    const { parent } = node;
    const isMember = ts.isPropertyAccessExpression(parent) && parent.name === node;
    const isKey = 'name' in parent && parent.name === node;
    found ||= !isMember && !isKey;
  });
  return found;
}

/** The first cycle among the imports, as a path that ends where it began. */
export function findCycle(imports: readonly Import[]): readonly string[] | undefined {
  const done = new Set<string>();
  const walk = (file: string, path: readonly string[]): readonly string[] | undefined => {
    if (path.includes(file)) return [...path.slice(path.indexOf(file)), file];
    if (done.has(file)) return undefined;
    for (const { to } of imports.filter(({ from }) => from === file)) {
      const cycle = walk(to, [...path, file]);
      if (cycle) return cycle;
    }
    done.add(file);
    return undefined;
  };
  for (const file of new Set(imports.map(({ from }) => from))) {
    const cycle = walk(file, []);
    if (cycle) return cycle;
  }
  return undefined;
}

function visit(node: ts.Node, look: (node: ts.Node) => void): void {
  look(node);
  ts.forEachChild(node, (child) => {
    visit(child, look);
  });
}
