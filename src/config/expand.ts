import { isMapping } from './original.ts';
import type { Path, Problem } from './problems.ts';

export type Environment = Readonly<Record<string, string | undefined>>;

/** A `$${` is a `${` that means itself; `${NAME}` is a variable; any other `${` is a slip. */
const reference = /\$\$\{|\$\{(?:([A-Za-z_][A-Za-z0-9_]*)\})?/g;

/**
 * Puts the values of environment variables in the place of `${NAME}`, in every text of a configuration. A variable that is
 * set to nothing is not set, as everywhere else.
 */
export function expand(input: unknown, env: Environment): { input: unknown; problems: readonly Problem[] } {
  const problems: Problem[] = [];
  return { input: expandAt(input, [], env, problems), problems };
}

/**
 * A text from outside as it is written into a configuration, so that `expand` gives the same text back: each `${` becomes
 * `$${`. For whoever writes a configuration; what is read is never escaped.
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
        text: 'expected "${NAME}" with the name of an environment variable, and "$${" for a plain "${"',
      });
      return '';
    }
    const value = env[name] ?? '';
    if (value === '') problems.push({ path, text: `the environment variable ${name} is not set` });
    return value;
  });
}
