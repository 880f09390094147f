import { parsePort } from '../net/endpoint.ts';
import { closest, expected, show, type Path, type Problem } from './problems.ts';
import { keysAt } from './schema-problems.ts';
import { isMapping, type Mapping } from './text.ts';

/**
 * The configuration of the Go `sentinel_tunnel`: each key of it, and the one of ours that it becomes. Go matches the keys of
 * JSON whatever their case (https://pkg.go.dev/encoding/json#Unmarshal), so this does too.
 */
const topKeys = { Sentinels_addresses_list: 'sentinels', Databases: 'databases' } as const;
const databaseKeys = { Name: 'name', Local_port: 'listen' } as const;

/** Whether this is the original's form, recognised by its keys. */
export function isOriginalForm(input: unknown): input is Mapping {
  if (!isMapping(input)) return false;
  return Object.keys(input).some((key) => key === 'Databases' || sameKey(key, 'Sentinels_addresses_list'));
}

export interface Translation {
  /** The same in our own form. What could not be read is left as it is, for the schema to report. */
  readonly input: Mapping;
  readonly problems: readonly Problem[];
  /** Where in the original's form something of our own form was written. */
  readonly origin: (path: Path) => Path;
}

/** Puts the original's form into our own: listeners become loopback, one per database. */
export function translateOriginal(original: Mapping): Translation {
  const problems: Problem[] = [];
  const top = pick(original, topKeys, '', [], problems);
  const databases = Array.isArray(top.databases)
    ? top.databases.map((entry: unknown, index) => translateDatabase(entry, ['Databases', index], problems))
    : top.databases;
  return {
    input: { sentinels: top.sentinels, databases },
    problems,
    origin: (path) => path.map((step, index) => originalStep(step, index === 0 ? topKeys : databaseKeys)),
  };
}

function originalStep(step: string | number, names: Readonly<Record<string, string>>): string | number {
  return Object.keys(names).find((name) => names[name] === step) ?? step;
}

function translateDatabase(entry: unknown, path: Path, problems: Problem[]): unknown {
  if (!isMapping(entry)) return entry;
  const { name, listen: port } = pick(entry, databaseKeys, 'databases[]', path, problems);
  const isPort =
    (typeof port === 'string' || typeof port === 'number') && parsePort(String(port), 0) !== undefined;
  if (!isPort)
    problems.push({
      path: [...path, 'Local_port'],
      text: expected(
        'a port (to listen on more than loopback, use the other form: "listen")',
        port === undefined ? undefined : show(port),
      ),
    });
  // A port that is no port has been reported already; the schema accepts 0.
  return { name, listen: isPort ? String(port) : 0 };
}

/**
 * The values of the original's keys by our names; every other key is a problem.
 *
 * @param place where these keys are in our own form
 */
function pick<Ours extends string>(
  from: Mapping,
  names: Readonly<Record<string, Ours>>,
  place: string,
  path: Path,
  problems: Problem[],
): Partial<Record<Ours, unknown>> {
  const values: Partial<Record<Ours, unknown>> = {};
  for (const [key, value] of Object.entries(from)) {
    const found = Object.entries(names).find(([name]) => sameKey(name, key));
    if (found) values[found[1]] = value;
    else problems.push({ path: [...path, key], text: unknownKey(key, Object.keys(names), place) });
  }
  return values;
}

function unknownKey(key: string, known: readonly string[], place: string): string {
  if (keysAt.get(place)?.includes(key)) {
    return 'a key of the form with "sentinels" and "databases" in a file of the form with "Sentinels_addresses_list": use one form';
  }
  const near = closest(key, known);
  return near === undefined ? 'unknown key' : `unknown key, did you mean "${near}"?`;
}

function sameKey(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
