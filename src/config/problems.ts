import type { z } from 'zod';
import { closest } from './closest.ts';
import { keysAt } from './schema.ts';
import { show } from './show.ts';

export type Path = readonly (string | number)[];

/** One thing that is wrong: where, and a sentence that goes after the place. */
export interface Problem {
  readonly path: Path;
  readonly text: string;
}

/** `databases[1].listen`: how a place is printed. Keys that are no plain words are quoted. */
export function formatPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${String(step)}]`;
    else if (/^[\w-]+$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/**
 * What the schema found wrong with `input`, as problems in its order.
 *
 * @param written the same before variables were put in: where both differ that is shown, since the value may be a secret
 */
export function problemsOf(error: z.ZodError, input: unknown, written: unknown = input): Problem[] {
  const got = (path: Path): string | undefined => {
    const value = valueAt(input, path);
    if (value === undefined) return undefined;
    if (isSecretAt(path)) return 'something else';
    const original = valueAt(written, path);
    return original === value ? show(value) : `the value of ${show(original)}`;
  };
  return error.issues.flatMap((issue) => fromIssue(issue, [], got));
}

function isSecretAt(path: Path): boolean {
  return path.some((step) => step === 'password' || step === 'token');
}

function fromIssue(issue: z.core.$ZodIssue, above: Path, got: (path: Path) => string | undefined): Problem[] {
  const path = [...above, ...issue.path.map((step) => (typeof step === 'symbol' ? String(step) : step))];
  if (issue.code === 'unrecognized_keys') {
    return issue.keys.map((key) => ({ path: [...path, key], text: unknownKey(path, key) }));
  }
  if (issue.code === 'invalid_union') {
    // A branch that complains only further down took the value for its own kind: a list where a list may stand.
    const meant = issue.errors.find((branch) => branch.every(isFurtherDown));
    if (meant) return meant.flatMap((nested) => fromIssue(nested, path, got));
  }
  return [{ path, text: expectedShown(issue.message, got(path)) }];
}

function isFurtherDown(issue: z.core.$ZodIssue): boolean {
  return issue.path.length > 0 || issue.code === 'unrecognized_keys';
}

/** `expected X, got Y`, or `X is missing` where nothing stands. */
export function expected(wanted: string, got: unknown): string {
  return expectedShown(wanted, got === undefined ? undefined : show(got));
}

function expectedShown(wanted: string, got: string | undefined): string {
  return got === undefined ? `missing, expected ${wanted}` : `expected ${wanted}, got ${got}`;
}

const originalNames = new Map([['local_port', 'listen']]);

function unknownKey(path: Path, key: string): string {
  const place = path
    .map((step) => (typeof step === 'number' ? '[]' : `.${step}`))
    .join('')
    .slice(1);
  const ours = place === 'databases[]' ? originalNames.get(key.toLowerCase()) : undefined;
  if (ours !== undefined) return `a key of the original form in a database of this form: use "${ours}"`;
  const near = closest(key, keysAt[place] ?? []);
  if (near !== undefined) return `unknown key, did you mean "${near}"?`;
  const home = Object.entries(keysAt).find(([, keys]) => keys.includes(key))?.[0];
  if (home === undefined) return 'unknown key';
  return `unknown key here, it belongs ${home === '' ? 'at the top' : `to "${home}"`}`;
}

function valueAt(input: unknown, path: Path): unknown {
  let value = input;
  for (const step of path) {
    if (typeof value !== 'object' || value === null || !Object.hasOwn(value, step)) return undefined;
    value = (value as Record<string | number, unknown>)[step];
  }
  return value;
}
