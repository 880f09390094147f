// Writes what is derived from the schema of the configuration: the JSON Schema for editors, and the table of keys in
// docs/configuration.md. A test compares both with the schema.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { configSchema } from '../src/config/schema.ts';

export const schemaFile = fileURLToPath(new URL('../../schema/sentinel-tunnel.schema.json', import.meta.url));
export const pageFile = fileURLToPath(new URL('../../docs/configuration.md', import.meta.url));

/** The JSON Schema of a configuration file of our own form. */
export function jsonSchema(): Node {
  return z.toJSONSchema(configSchema, { io: 'input', target: 'draft-7' }) as Node;
}

interface Node {
  readonly description?: string;
  readonly default?: string | number | boolean | object;
  readonly enum?: readonly unknown[];
  readonly properties?: Readonly<Record<string, Node>>;
  readonly required?: readonly string[];
  readonly items?: Node;
  readonly anyOf?: readonly Node[];
}

/** The table of keys, one row each, in the order of the schema. Mappings with the same keys are listed once. */
export function keyTable(): string {
  const head = ['| Key | Default | What it is |', '| --- | --- | --- |'];
  return [...head, ...rowsOf(jsonSchema(), '', new Map())].join('\n');
}

function rowsOf(node: Node, above: string, listed: Map<string, string>): string[] {
  return Object.entries(node.properties ?? {}).flatMap(([key, held]) => {
    const path = `${above}${key}`;
    const isRequired = node.required?.includes(key) ?? false;
    const row = (more = ''): string =>
      `| \`${path}\` | ${defaultOf(held, isRequired)} | ${meaningOf(held)}${more} |`;
    const items = [held, ...(held.anyOf ?? [])].flatMap((form) => itemsOf(form.items));
    if (items.length > 0) return [row(), ...items.flatMap((item) => rowsOf(item, `${path}[].`, listed))];
    const mapping = held.properties ? held : held.anyOf?.find(({ properties }) => properties);
    if (!mapping) return [row()];
    const keys = JSON.stringify(mapping.properties);
    const same = listed.get(keys);
    if (same !== undefined) return [row(` Its keys are those of \`${same}\`.`)];
    listed.set(keys, path);
    const below = rowsOf(mapping, `${path}.`, listed);
    // What is nothing but its keys needs no row of its own.
    return held.anyOf ? [row(), ...below] : below;
  });
}

/** What may stand in a list, in whatever form. */
function itemsOf(items: Node | undefined): readonly Node[] {
  return items?.anyOf ?? (items ? [items] : []);
}

function defaultOf(node: Node, isRequired: boolean): string {
  if (node.default !== undefined)
    return `\`${typeof node.default === 'object' ? JSON.stringify(node.default) : String(node.default)}\``;
  return isRequired ? 'required' : 'none';
}

function meaningOf({ description = '', enum: values }: Node): string {
  if (!values) return description;
  const silent = values
    .map((value) => `\`${String(value)}\``)
    .filter((value) => !description.includes(value));
  return silent.length === 0
    ? description
    : `${description} One of ${values.map((value) => `\`${String(value)}\``).join(', ')}.`;
}

/** The text between the marks in the page. */
export function tableIn(page: string): string {
  return marked.exec(page)?.[1] ?? '';
}

const marked = /<!-- keys -->\n([^]*?)<!-- \/keys -->/;

if (argv[1] === fileURLToPath(import.meta.url)) {
  writeFileSync(schemaFile, JSON.stringify(jsonSchema(), undefined, 2));
  const page = readFileSync(pageFile, 'utf8');
  writeFileSync(
    pageFile,
    page.replace(marked, () => `<!-- keys -->\n\n${keyTable()}\n\n<!-- /keys -->`),
  );
  execFileSync('npx', ['prettier', '--write', schemaFile, pageFile], { stdio: 'inherit' });
}
