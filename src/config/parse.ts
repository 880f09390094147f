import { TunnelError } from '../errors.ts';
import { type ListenAddress, formatListenAddress } from '../net/endpoint.ts';
import { speaksTls, type Access, type ServerAccess } from '../net/tls.ts';
import { AccessReader, type RedisInput } from './access.ts';
import {
  listenersCollide,
  readAddressMap,
  readEndpoint,
  readListenAddress,
  writtenAddress,
} from './addresses.ts';
import { readSmallFile, type ReadFile } from './files.ts';
import { isOriginalForm, translateOriginal } from './original.ts';
import { formatPath, type Path, type Problem } from './problems.ts';
import { problemsOf } from './schema-problems.ts';
import { type ConfigInput, type ListenerInput, configSchema } from './schema.ts';
import { type Environment, expand, isMapping } from './text.ts';
import type { Config, ListenerConfig } from './types.ts';

/** Parts that come from elsewhere than the file, and what to call each in a message. They win over it. */
export interface Overlay {
  /** What `${NAME}` in the file stands for; without it, for itself. */
  readonly env?: Environment;
  /** How to read the files that the configuration names. */
  readonly readFile?: ReadFile;
  readonly sentinels?: { readonly values: readonly string[]; readonly from: string };
  readonly databases?: {
    readonly values: readonly { readonly name: string; readonly listen: string }[];
    readonly from: string;
  };
  readonly log?: Readonly<
    Partial<Record<'level' | 'format' | 'file', { readonly value: string; readonly from: string }>>
  >;
  /** Where the admin listener listens, or `false` for none. */
  readonly admin?: { readonly value: string | false; readonly from: string };
  /** Whether there is an admin listener where the configuration says nothing of it. */
  readonly hasAdmin?: boolean;
}

/**
 * Makes a configuration of any value: our own form, or the original's, recognised by its keys.
 *
 * @param source what to call it in a message: a path
 * @throws TunnelError `ST_CONFIG_INVALID` with every problem, its place and what is expected there
 */
export function parseConfig(input: unknown, source: string, overlay: Overlay = {}): Config {
  const isOriginal = isOriginalForm(input);
  const written = isOriginal
    ? translateOriginal(input)
    : { input, problems: [], origin: (path: Path) => path };
  // The original has no variables: `${` in its file is literal.
  const expanded =
    isOriginal || !overlay.env ? { input: written.input, problems: [] } : expand(written.input, overlay.env);
  const whole = layOver(expanded.input, overlay);
  const placeName = (path: Path): string => overlayName(path, overlay) ?? formatPath(written.origin(path));
  const origins = new Set<string>();
  const tell = ({ path, text }: Problem): string => {
    origins.add(originOf(overlayName(path, overlay), source));
    return sentence(placeName(path), text);
  };
  const parsed = configSchema.safeParse(whole);
  const unset = new Set(expanded.problems.map(({ path }) => formatPath(path)));
  // What is wrong with the value of a variable that is not set follows from that.
  const isOfValue = ({ path }: Problem): boolean => !unset.has(formatPath(path));
  const problems = [
    ...written.problems.map(({ path, text }) => {
      origins.add(source);
      return sentence(formatPath(path), text);
    }),
    ...expanded.problems.map(tell),
    ...[
      ...(parsed.success ? [] : problemsOf(parsed.error, whole, layOver(written.input, overlay))),
      ...collisions(whole, placeName),
    ]
      .filter(isOfValue)
      .map(tell),
  ];
  if (!parsed.success) throw invalid(problems, origins, source);
  const reader = new AccessReader(overlay.readFile ?? readSmallFile, Date.now());
  const config = settle(parsed.data, overlay.hasAdmin ?? false, reader);
  problems.push(...[...reader.problems, ...engineProblems(config)].filter(isOfValue).map(tell));
  if (problems.length > 0) throw invalid(problems, origins, source);
  return deepFreeze({ ...config, warnings: reader.warnings });
}

/** Where a problem comes from: never name the file for a mistake in a flag. */
function originOf(name: string | undefined, source: string): string {
  if (name === undefined) return source;
  return name.startsWith('SENTINEL_TUNNEL_') ? 'the environment' : 'the command line';
}

function sentence(place: string, text: string): string {
  return place === '' ? text : `${place}: ${text}`;
}

function layOver(input: unknown, overlay: Overlay): unknown {
  if (!isMapping(input)) return input;
  const { sentinels, databases, log, admin } = overlay;
  const changed: Record<string, unknown> = { ...input };
  if (sentinels) changed['sentinels'] = sentinels.values;
  if (databases) changed['databases'] = databases.values;
  if (admin) {
    const written = isMapping(input['admin']) ? input['admin'] : {};
    changed['admin'] = admin.value === false ? false : { ...written, listen: admin.value };
  }
  if (log && (isMapping(input['log']) || input['log'] === undefined)) {
    const values = Object.entries(log).map(([key, { value }]) => [key, value] as const);
    if (values.length > 0) changed['log'] = { ...input['log'], ...Object.fromEntries(values) };
  }
  return changed;
}

/** What a person wrote to set the value at this place, if it was not the file. */
function overlayName(path: Path, overlay: Overlay): string | undefined {
  const [top, below] = path;
  if (top === 'sentinels') return overlay.sentinels?.from;
  if (top === 'databases') return overlay.databases?.from;
  if (top === 'admin' && below === 'listen') return overlay.admin?.from;
  if (top === 'log' && (below === 'level' || below === 'format' || below === 'file')) {
    return overlay.log?.[below]?.from;
  }
  return undefined;
}

interface Placed {
  readonly path: Path;
  readonly address: ListenAddress;
}

/** Addresses that cannot be bound twice. Looks at what can be read, so that it is reported together with the rest. */
function collisions(input: unknown, nameOf: (path: Path) => string): Problem[] {
  const seen: Placed[] = [];
  const problems: Problem[] = [];
  for (const placed of placedListeners(input)) {
    const first = seen.find(({ address }) => listenersCollide(address, placed.address));
    if (first) {
      const [own, other] = [formatListenAddress(placed.address), formatListenAddress(first.address)];
      const same = own === other ? `"${own}" is` : `"${own}" collides with "${other}",`;
      problems.push({ path: placed.path, text: `${same} taken by ${nameOf(first.path)} already` });
    } else seen.push(placed);
  }
  return problems;
}

function* placedListeners(input: unknown): Generator<Placed> {
  const databases = isMapping(input) ? input['databases'] : undefined;
  if (!Array.isArray(databases)) return;
  for (const [index, database] of (databases as unknown[]).entries()) {
    if (!isMapping(database)) continue;
    const path: Path = ['databases', index, 'listen'];
    const listen = database['listen'];
    const many: (readonly [Path, unknown])[] = Array.isArray(listen)
      ? (listen as unknown[]).map((value, place) => [[...path, place], value])
      : [[path, listen]];
    for (const [place, value] of many) {
      const address = readListenAddress(writtenAddress(value));
      if (address) yield { path: isMapping(value) ? [...place, 'address'] : place, address };
    }
  }
  const admin = isMapping(input) && isMapping(input['admin']) ? input['admin']['listen'] : undefined;
  const address = readListenAddress(admin);
  if (address) yield { path: ['admin', 'listen'], address };
}

function invalid(problems: readonly string[], origins: ReadonlySet<string>, file: string): TunnelError {
  const [origin = file, another] = origins;
  const source = another === undefined ? origin : file;
  const [only = '', ...more] = new Set(problems);
  const text =
    more.length === 0
      ? `Invalid configuration in ${source}: ${only}`
      : [`Invalid configuration in ${source}, ${String(more.length + 1)} problems:`, only, ...more].join(
          '\n  ',
        );
  return new TunnelError('ST_CONFIG_INVALID', text);
}

function settle(input: ConfigInput, hasAdmin: boolean, reader: AccessReader): Omit<Config, 'warnings'> {
  const { redis, ...rest } = input;
  const { discover, replyMs, pollMs } = input.sentinel;
  const common = withPort(reader.access(redis, ['redis']), redis.port);
  return {
    ...rest,
    admin: reader.admin(input.admin, hasAdmin),
    addressMap: readAddressMap(input.addressMap),
    sentinels: input.sentinels.map((text) => readable(readEndpoint(text), text)),
    sentinel: { discover, replyMs, pollMs, ...reader.access(input.sentinel, ['sentinel']) },
    databases: input.databases.map((database, index) => ({
      ...database,
      listen: [database.listen].flat().map((listener, place) => {
        const path: Path = ['databases', index, 'listen'];
        return settleListener(listener, reader, Array.isArray(database.listen) ? [...path, place] : path);
      }),
      redis: overriding(common, database.redis, reader, ['databases', index, 'redis']),
    })),
  };
}

function settleListener(listener: ListenerInput, reader: AccessReader, path: Path): ListenerConfig {
  const written = writtenAddress(listener);
  const {
    allow = [],
    allowReplication = false,
    mode,
    owner,
    tls: wanted,
  } = typeof listener === 'object' ? listener : {};
  const tls = wanted && reader.serverTls(wanted, [...path, 'tls']);
  return {
    address: readable(readListenAddress(written), written),
    allow,
    allowReplication,
    mode: mode === undefined ? undefined : Number.parseInt(mode, 8),
    owner,
    ...(tls && { tls }),
  };
}

/** Only `streams` can speak TLS. */
function engineProblems({ engine, databases }: Pick<Config, 'engine' | 'databases'>): Problem[] {
  const secured = databases.find(speaksTls);
  if (engine === 'auto' || engine === 'streams' || !secured) return [];
  const text = `expected "auto" or "streams", because "${secured.name}" speaks TLS, which "${engine}" cannot`;
  return [{ path: ['engine'], text }];
}

/** User and password are one thing, and replaced together; TLS is another, and the port a third. */
function overriding(
  common: ServerAccess,
  own: RedisInput | undefined,
  reader: AccessReader,
  path: Path,
): ServerAccess {
  if (!own) return common;
  const { credentials, tls } = reader.access(own, path);
  const kept = {
    ...(!credentials && common.credentials && { credentials: common.credentials }),
    ...(own.tls === undefined && common.tls && { tls: common.tls }),
  };
  const access = { ...kept, ...(credentials && { credentials }), ...(tls && { tls }) };
  return withPort(access, own.port ?? common.port);
}

function withPort(access: Access, port: number | undefined): ServerAccess {
  return port === undefined ? access : { ...access, port };
}

/** The schema has read this before. */
function readable<T>(value: T | undefined, text: unknown): T {
  if (value === undefined) throw new TunnelError('ST_CONFIG_INVALID', `Cannot read ${String(text)}`);
  return value;
}

/** Freezes a value and all that it holds. */
function deepFreeze<T>(value: T): T {
  if (typeof value === 'object' && value !== null && !Object.isFrozen(value)) {
    Object.freeze(value);
    for (const held of Object.values(value)) deepFreeze(held);
  }
  return value;
}
