import { z } from 'zod';
import { closest, expected, show, type Path, type Problem } from './problems.ts';
import { configSchema } from './schema.ts';

/** The keys that each mapping of a configuration may have, by its place: `''` for the whole, `databases[].listen[]`. */
export const keysAt: ReadonlyMap<string, readonly string[]> = mappingsOf(configSchema);

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
    // A branch that complains only further down took the value for its own kind: a list where a list may be.
    const meant = issue.errors.find((branch) => branch.every(isFurtherDown));
    if (meant) return meant.flatMap((nested) => fromIssue(nested, path, got));
  }
  return [{ path, text: expected(issue.message, got(path)) }];
}

function isFurtherDown(issue: z.core.$ZodIssue): boolean {
  return issue.path.length > 0 || issue.code === 'unrecognized_keys';
}

function unknownKey(path: Path, key: string): string {
  const place = path
    .map((step) => (typeof step === 'number' ? '[]' : `.${step}`))
    .join('')
    .slice(1);
  if (place === 'databases[]' && key.toLowerCase() === 'local_port')
    return 'a key of the original form in a database of this form: use "listen"';
  const near = closest(key, keysAt.get(place) ?? []);
  if (near !== undefined) return `unknown key, did you mean "${near}"?`;
  const home = [...keysAt].find(([, keys]) => keys.includes(key))?.[0];
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

/** The mappings of a schema, those at the top first. */
function mappingsOf(whole: z.core.$ZodType): ReadonlyMap<string, readonly string[]> {
  const found = new Map<string, readonly string[]>();
  const places: (readonly [string, z.core.$ZodType])[] = [['', whole]];
  for (const [place, schema] of places) {
    if (schema instanceof z.ZodObject) {
      const { shape } = schema;
      found.set(place, Object.keys(shape));
      for (const [key, held] of Object.entries(shape))
        places.push([place === '' ? key : `${place}.${key}`, held]);
    } else if (schema instanceof z.ZodArray) places.push([`${place}[]`, schema.element]);
    else if (schema instanceof z.ZodUnion) for (const option of schema.options) places.push([place, option]);
    else if (
      schema instanceof z.ZodOptional ||
      schema instanceof z.ZodDefault ||
      schema instanceof z.ZodPrefault
    )
      places.push([place, schema.unwrap()]);
  }
  return found;
}
