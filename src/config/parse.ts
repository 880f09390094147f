import { TunnelError } from '../errors.ts';
import { type ListenAddress, formatListenAddress } from '../net/endpoint.ts';
import { settleAdmin } from './admin.ts';
import type { AdminConfig, Config, ListenerConfig } from './config.ts';
import { deepFreeze } from './freeze.ts';
import { listenersCollide, readEndpoint, readListenAddress, writtenAddress } from './listen.ts';
import { isMapping, isOriginalForm, translateOriginal } from './original.ts';
import { type Path, type Problem, formatPath, problemsOf } from './problems.ts';
import { type ConfigInput, type ListenerInput, configSchema } from './schema.ts';

/** Parts that come from elsewhere than the file and win over it, and what to call each in a message. */
export interface Overlay {
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
  /** Whether there is an admin listener where nothing is said of it. */
  readonly hasAdmin?: boolean;
}

/**
 * Makes a configuration of anything: our own form, or the original's, recognised by its keys.
 *
 * @param source what to call it in a message: a path
 * @throws TunnelError `ST_CONFIG_INVALID` with every problem, each with its place and what is expected there
 */
export function parseConfig(input: unknown, source: string, overlay: Overlay = {}): Config {
  const translated = isOriginalForm(input)
    ? translateOriginal(input)
    : { input, problems: [], origin: (path: Path) => path };
  const whole = layOver(translated.input, overlay);
  const placeName = (path: Path): string => overlayName(path, overlay) ?? formatPath(translated.origin(path));
  const parsed = configSchema.safeParse(whole);
  const settled = settleAdmin(parsed.data?.admin, overlay.hasAdmin ?? false);
  const problems = [
    ...(parsed.success ? [] : problemsOf(parsed.error, whole)),
    ...settled.problems,
    ...collisions(whole, placeName),
  ].map(({ path, text }) => sentence(placeName(path), text));
  problems.unshift(...translated.problems.map(({ path, text }) => sentence(formatPath(path), text)));
  if (problems.length > 0 || !parsed.success) throw invalid(problems, source);
  return deepFreeze(settle(parsed.data, settled.admin));
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

/** What a person wrote to get what stands at this place, if it was not the file. */
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

/** Addresses that cannot be bound twice. Looks at what can be read, so that it is told together with the rest. */
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

function invalid(problems: readonly string[], source: string): TunnelError {
  const [only = '', ...more] = new Set(problems);
  const text =
    more.length === 0
      ? `Invalid configuration in ${source}: ${only}`
      : [`Invalid configuration in ${source}, ${String(more.length + 1)} problems:`, only, ...more].join(
          '\n  ',
        );
  return new TunnelError('ST_CONFIG_INVALID', text);
}

function settle(input: ConfigInput, admin: AdminConfig | undefined): Config {
  return {
    ...input,
    admin,
    sentinels: input.sentinels.map((text) => readable(readEndpoint(text), text)),
    databases: input.databases.map((database) => ({
      ...database,
      listen: [database.listen].flat().map(settleListener),
    })),
  };
}

function settleListener(listener: ListenerInput): ListenerConfig {
  const written = writtenAddress(listener);
  return { address: readable(readListenAddress(written), written) };
}

/** The schema has read this before. */
function readable<T>(value: T | undefined, text: unknown): T {
  if (value === undefined) throw new TunnelError('ST_CONFIG_INVALID', `Cannot read ${String(text)}`);
  return value;
}
