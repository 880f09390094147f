import { isScalar, LineCounter, parseDocument, visit, type Document } from 'yaml';
import { messageOf, TunnelError } from '../errors.ts';
import { maxNesting, tooDeepAt } from './nesting.ts';
import type { Path, Problem } from './problems.ts';

/**
 * Reads YAML, and JSON, which is a part of it.
 *
 * @throws TunnelError `ST_CONFIG_INVALID` with line and column of every error
 */
export function parseText(given: string, source: string): unknown {
  const text = given.replace(/^\uFEFF/, '');
  const deep = tooDeepAt(text);
  if (deep !== undefined) {
    const before = text.slice(0, deep).split('\n');
    const place = `${source}:${String(before.length)}:${String((before.at(-1) ?? '').length + 1)}`;
    throw new TunnelError(
      'ST_CONFIG_INVALID',
      `Cannot parse configuration: ${place}: nested deeper than ${String(maxNesting)} levels`,
    );
  }
  const lineCounter = new LineCounter();
  // The parser compares each key with all before it, which takes seconds for a mapping of 20,000.
  const document = parseDocument(text, { lineCounter, prettyErrors: false, uniqueKeys: false });
  const errors = [
    ...document.errors.map(({ pos, message }) => ({ at: pos[0], message: withoutQuote(message) })),
    ...duplicateKeys(document),
  ].sort((a, b) => a.at - b.at);
  if (errors.length > 0) {
    // In JSON one missing comma makes the parser report every bracket after it.
    const lines = (isJson(text) ? errors.slice(0, 1) : errors).map(({ at, message }) => {
      const { line, col } = lineCounter.linePos(at);
      return `${source}:${String(line)}:${String(col)}: ${message}`;
    });
    throw new TunnelError('ST_CONFIG_INVALID', `Cannot parse configuration: ${lines.join('\n  ')}`);
  }
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (cause) {
    // An alias without its anchor, or aliases nested to exhaust memory.
    const why = withoutQuote(messageOf(cause));
    throw new TunnelError('ST_CONFIG_INVALID', `Cannot parse configuration "${source}": ${why}`);
  }
}

/** Whether a text is meant as JSON: it begins as an object does. */
function isJson(text: string): boolean {
  return /^\s*\{\s*("|\}|$)/.test(text);
}

/** Some messages of the parser end with what the file has there, which may be a part of a password. */
function withoutQuote(message: string): string {
  return message.replace(/(?<=[\w)]): .*/s, '');
}

/** Keys that a mapping has already, and where. */
function duplicateKeys(document: Document): readonly { readonly at: number; readonly message: string }[] {
  const duplicates: { at: number; message: string }[] = [];
  visit(document, {
    Map: (_, { items }) => {
      const seen = new Set<unknown>();
      for (const { key } of items) {
        if (!isScalar(key)) continue;
        if (seen.has(key.value)) duplicates.push({ at: key.range?.[0] ?? 0, message: 'duplicate key' });
        seen.add(key.value);
      }
    },
  });
  return duplicates;
}

/** A mapping of keys to values, as a configuration is made of. */
export type Mapping = Readonly<Record<string, unknown>>;

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

export type Environment = Readonly<Record<string, string | undefined>>;

/** `$${` is a literal `${`, `${NAME}` is a variable, any other `${` is a mistake. */
const reference = /\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)\})?/g;

/**
 * Puts the values of environment variables in the place of `${NAME}`, in every text of a configuration. An empty variable
 * counts as not set, as everywhere else.
 */
export function expand(input: unknown, env: Environment): { input: unknown; problems: readonly Problem[] } {
  const problems: Problem[] = [];
  return { input: expandAt(input, [], env, problems), problems };
}

/**
 * A text from outside as it is written into a configuration, so that `expand` gives the same text back: each `${` becomes
 * `$${`. For programs that write a configuration; what is read is never escaped.
 */
export function escapeReferences(text: string): string {
  return text.replaceAll('${', '$$$${'); // in a replacement `$$` is one `$`
}

function expandAt(value: unknown, path: Path, env: Environment, problems: Problem[]): unknown {
  if (typeof value === 'string') return expandText(value, path, env, problems);
  if (Array.isArray(value))
    return (value as unknown[]).map((held, index) => expandAt(held, [...path, index], env, problems));
  if (!isMapping(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, held]) => [key, expandAt(held, [...path, key], env, problems)]),
  );
}

function expandText(text: string, path: Path, env: Environment, problems: Problem[]): string {
  return text.replace(reference, (found, name: string | undefined) => {
    if (found === '$${') return '${';
    if (name === undefined) {
      problems.push({
        path,
        text: 'expected "${NAME}" with the name of an environment variable, or "$${" for a literal "${"',
      });
      return '';
    }
    const value = env[name] ?? '';
    if (value === '') problems.push({ path, text: `the environment variable ${name} is not set` });
    return value;
  });
}
