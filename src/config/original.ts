import { parsePort } from '../net/endpoint.ts';
import { type Path, type Problem, expected } from './problems.ts';
import { show } from './show.ts';
import { closest } from './closest.ts';

/**
 * The configuration of the Go `sentinel_tunnel`. Go matches the keys of JSON whatever their case
 * (https://pkg.go.dev/encoding/json#Unmarshal), so this does too.
 */
const topKeys = ['Sentinels_addresses_list', 'Databases'] as const;
const databaseKeys = ['Name', 'Local_port'] as const;
const ownKeys = [
  'sentinels',
  'sentinel',
  'redis',
  'addressMap',
  'admin',
  'engine',
  'threads',
  'maxConnections',
  'drainMs',
  'log',
];
const ownDatabaseKeys = [
  'listen',
  'failover',
  'onSentinelLoss',
  'holdMs',
  'holdMax',
  'dialMs',
  'maxConnections',
  'idleMs',
  'redis',
];

type Mapping = Readonly<Record<string, unknown>>;

export function isMapping(value: unknown): value is Mapping {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** Whether this is the original's form, recognised by its keys. */
export function isOriginalForm(input: unknown): input is Mapping {
  if (!isMapping(input)) return false;
  return Object.keys(input).some((key) => key === 'Databases' || sameKey(key, 'Sentinels_addresses_list'));
}

export interface Translation {
  /** The same in our own form. What could not be read is left as it is, for the schema to complain of. */
  readonly input: Mapping;
  readonly problems: readonly Problem[];
  /** Where in the original's form something of our own form was written. */
  readonly origin: (path: Path) => Path;
}

/** Puts the original's form into our own: listeners become loopback, one per database. */
export function translateOriginal(original: Mapping): Translation {
  const problems: Problem[] = [];
  const top = pick(original, topKeys, ownKeys, [], problems);
  const list = top.values.Databases;
  const databases = Array.isArray(list)
    ? list.map((entry: unknown, index) => translateDatabase(entry, ['Databases', index], problems))
    : list;
  return {
    input: { sentinels: top.values.Sentinels_addresses_list, databases },
    problems,
    origin: (path) => path.map(originalStep),
  };
}

function originalStep(step: string | number, index: number): string | number {
  const names: Readonly<Record<string, string>> =
    index === 0
      ? { sentinels: 'Sentinels_addresses_list', databases: 'Databases' }
      : { name: 'Name', listen: 'Local_port' };
  return typeof step === 'string' ? (names[step] ?? step) : step;
}

function translateDatabase(entry: unknown, path: Path, problems: Problem[]): unknown {
  if (!isMapping(entry)) return entry;
  const { values } = pick(entry, databaseKeys, ownDatabaseKeys, path, problems);
  const port = values.Local_port;
  const isPort =
    (typeof port === 'string' && parsePort(port, 0) !== undefined) ||
    (typeof port === 'number' && parsePort(String(port), 0) !== undefined);
  if (!isPort)
    problems.push({
      path: [...path, 'Local_port'],
      text: expected('a port (to listen on more than loopback, use the other form: "listen")', port),
    });
  // A port that is no port has been told already; 0 keeps the schema quiet about it.
  return { name: values.Name, listen: isPort ? String(port) : 0 };
}

/** The wanted keys by their right names; every other key is a problem. */
function pick<K extends string>(
  from: Mapping,
  wanted: readonly K[],
  own: readonly string[],
  path: Path,
  problems: Problem[],
): { values: Partial<Record<K, unknown>> } {
  const values: Partial<Record<K, unknown>> = {};
  for (const [key, value] of Object.entries(from)) {
    const name = wanted.find((candidate) => sameKey(candidate, key));
    if (name !== undefined) values[name] = value;
    else problems.push({ path: [...path, key], text: stranger(key, wanted, own) });
  }
  return { values };
}

function stranger(key: string, wanted: readonly string[], own: readonly string[]): string {
  if (own.includes(key)) {
    return `a key of the form with "sentinels" and "databases" in a file of the form with ${show(topKeys[0])}: use one form`;
  }
  const near = closest(key, wanted);
  return near === undefined ? 'unknown key' : `unknown key, did you mean "${near}"?`;
}

function sameKey(a: string, b: string): boolean {
  return a.toLowerCase() === b.toLowerCase();
}
