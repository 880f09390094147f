import { isDeepStrictEqual } from 'node:util';
import { pairUp } from '../lifecycle/pair-up.ts';
import type { AddressRule } from '../net/address-map.ts';
import { formatEndpoint, formatListenAddress } from '../net/endpoint.ts';
import { speaksTls } from '../net/tls.ts';
import { show } from './problems.ts';
import { clientLimits, type Config, type DatabaseConfig } from './types.ts';

/** What applying a change to a running tunnel does. */
const effects = {
  opens: 'opens',
  closes: 'closes; its sessions go on',
  replaces: 'reopened, with TLS or without; its sessions have drainMs to end',
  repoints: 'reopened; its sessions have drainMs to end',
  retires: 'its listeners close, its sessions have drainMs to end',
  reopens: 'closes and reopens; its sessions go on',
  newSessions: 'new sessions only',
  waiting: 'new sessions, and those that wait',
  idle: 'all sessions, from now on',
  atOnce: 'at once',
  nextFailover: 'from the next failover',
  nextStop: 'from the next stop',
  links: 'links to Sentinels reopened one after another',
  probes: 'from the next connection of ours to Redis',
  adminReopens: 'the admin listener closes and reopens',
  restart: 'needs a restart',
} as const;
export type Effect = keyof typeof effects;

/** One thing that differs between two configurations. */
export interface Change {
  /** Where: `sentinel.pollMs`, `databases[mymaster].listen`. */
  readonly path: string;
  readonly kind: 'added' | 'removed' | 'changed';
  /** The values, as far as they may be shown: never a secret, never the content of a file. */
  readonly from?: string;
  readonly to?: string;
  readonly effect: Effect;
}

/**
 * What a change at each place does. The longest prefix counts; `[]` stands for any name or address. A key that is not
 * here would be a mistake, and a test compares with the schema.
 */
export const effectAt: Readonly<Record<string, Effect>> = {
  sentinels: 'atOnce',
  sentinel: 'links',
  addressMap: 'links',
  'sentinel.discover': 'atOnce',
  'sentinel.pollMs': 'atOnce',
  'databases[].listen': 'opens',
  'databases[].listen[]': 'reopens',
  'databases[].listen[].tls': 'newSessions',
  redis: 'probes',
  'redis.port': 'repoints',
  'redis.tls': 'newSessions',
  'databases[].redis': 'probes',
  'databases[].redis.port': 'repoints',
  'databases[].redis.tls': 'newSessions',
  'databases[].failover': 'nextFailover',
  'databases[].onSentinelLoss': 'atOnce',
  ...limitEffects(),
  maxConnections: 'newSessions',
  admin: 'adminReopens',
  engine: 'restart',
  threads: 'restart',
  drainMs: 'nextStop',
  log: 'atOnce',
};

function limitEffects(): Readonly<Record<string, Effect>> {
  return Object.fromEntries(
    Object.entries(clientLimits).map(([key, { effect }]) => [`databases[].${key}`, effect]),
  );
}

/**
 * What differs between two configurations, and what applying it does. Pure; in the order of the keys, databases in
 * the order of `after` and then those that are gone. Secrets are compared, and never shown.
 */
export function diffConfigs(before: Config, after: Config): readonly Change[] {
  const changes: Change[] = [];
  const keys = Object.keys(effectAt).map((key) => key.split(/[.[]/)[0] ?? '');
  for (const key of new Set([...keys, ...Object.keys(before), ...Object.keys(after)])) {
    const [from, to] = [before[key as keyof Config], after[key as keyof Config]];
    if (key === 'sentinels') changes.push(...diffSentinels(before, after));
    else if (key === 'addressMap') changes.push(...diffMaps(before, after));
    else if (key === 'databases') changes.push(...diffDatabases(before.databases, after.databases));
    else if (key === 'admin') changes.push(...diffValues(key, key, shownAdmin(before), shownAdmin(after)));
    else if (key !== 'warnings') changes.push(...diffValues(key, key, from, to));
  }
  return changes;
}

/** That the address is the usual one is no key of the configuration, and makes a difference where it is taken. */
function shownAdmin({ admin }: Config): object | undefined {
  if (!admin) return undefined;
  const { isUsual, listen, ...rest } = admin;
  return { ...rest, listen: isUsual ? { ...listen, otherwise: 'the next free port' } : listen };
}

/** One change as a line for a person. */
export function changeLine({ path, kind, from, to, effect }: Change): string {
  const values = [from, to].filter((text) => text !== undefined).join(' → ');
  return `${path}: ${values === '' ? kind : `${kind === 'changed' ? '' : `${kind} `}${values}`} (${effects[effect]})`;
}

/** Rule by rule: what leads one server elsewhere says nothing of the others. */
function diffMaps({ addressMap: before }: Config, { addressMap: after }: Config): readonly Change[] {
  return pairUp(before, after, ({ from }) => sourceText(from)).flatMap((pair) => {
    const [from, to] = [pair.before, pair.after].map((rule) => rule && show(targetText(rule.to)));
    return from === to ? [] : [change(`addressMap[${pair.key}]`, 'links', from, to)];
  });
}

function sourceText(from: AddressRule['from']): string {
  switch (from.kind) {
    case 'endpoint':
      return formatEndpoint(from);
    case 'host':
      return from.host;
    case 'network':
      return from.network;
  }
}

function targetText({ host, port }: AddressRule['to']): string {
  if (host === undefined) return `:${String(port)}`;
  return port === undefined ? host : formatEndpoint({ host, port });
}

function diffSentinels({ sentinels: before }: Config, { sentinels: after }: Config): readonly Change[] {
  const path = 'sentinels';
  const changes = pairUp(before, after, formatEndpoint).flatMap((pair): Change[] => {
    if (!pair.before) return [{ path, kind: 'added', to: pair.key, effect: 'atOnce' }];
    if (!pair.after) return [{ path, kind: 'removed', from: pair.key, effect: 'atOnce' }];
    return [];
  });
  const isReordered = changes.length === 0 && !isDeepStrictEqual(before, after);
  const [from, to] = [before, after].map((list) => list.map(formatEndpoint).join(', '));
  return isReordered ? [change(path, 'atOnce', from, to)] : changes;
}

function diffDatabases(
  before: readonly DatabaseConfig[],
  after: readonly DatabaseConfig[],
): readonly Change[] {
  return pairUp(before, after, ({ name }) => name).flatMap((pair): readonly Change[] => {
    const path = `databases[${pair.key}]`;
    if (!pair.after) return [{ path, kind: 'removed', effect: 'retires' }];
    if (!pair.before) return [{ path, kind: 'added', to: listenersOf(pair.after), effect: 'opens' }];
    if (speaksTls(pair.before) !== speaksTls(pair.after))
      return [{ path, kind: 'changed', effect: 'replaces' }];
    const { listen: fromListen, ...from } = pair.before;
    const { listen: toListen, ...to } = pair.after;
    return [
      ...pairUp(fromListen, toListen, ({ address }) => formatListenAddress(address)).flatMap(
        (listener): readonly Change[] => {
          const at = `${path}.listen`;
          if (!listener.before) return [{ path: at, kind: 'added', to: listener.key, effect: 'opens' }];
          if (!listener.after) return [{ path: at, kind: 'removed', from: listener.key, effect: 'closes' }];
          return diffValues(
            `${at}[${listener.key}]`,
            'databases[].listen[]',
            listener.before,
            listener.after,
          );
        },
      ),
      ...diffValues(path, 'databases[]', from, to),
    ];
  });
}

function listenersOf({ listen }: DatabaseConfig): string {
  return `on ${listen.map(({ address }) => formatListenAddress(address)).join(', ')}`;
}

/** Goes down mappings; what is no mapping on both sides is compared as a whole. */
function diffValues(path: string, place: string, from: unknown, to: unknown): readonly Change[] {
  if (isDeepStrictEqual(from, to)) return [];
  if (!isPlain(from) || !isPlain(to)) {
    const shown = [from, to].map((value) => printed(path, value));
    return [change(path, effectOf(place), shown[0], shown[1], from, to)];
  }
  const keys = new Set([...Object.keys(from), ...Object.keys(to)]);
  return [...keys].flatMap((key) => diffValues(`${path}.${key}`, `${place}.${key}`, from[key], to[key]));
}

function change(
  path: string,
  effect: Effect,
  from: string | undefined,
  to: string | undefined,
  before: unknown = from,
  after: unknown = to,
): Change {
  const kind = before === undefined ? 'added' : after === undefined ? 'removed' : 'changed';
  return {
    path,
    kind,
    // Of a pair of which one cannot be shown, the other says nothing.
    ...(from !== undefined && (to !== undefined || after === undefined) && { from }),
    ...(to !== undefined && (from !== undefined || before === undefined) && { to }),
    effect,
  };
}

function effectOf(place: string): Effect {
  for (let at = place; at !== ''; at = at.slice(0, Math.max(0, at.lastIndexOf('.')))) {
    const effect = effectAt[at];
    if (effect) return effect;
  }
  return 'restart';
}

function isPlain(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && Object.getPrototypeOf(value) === Object.prototype;
}

/** A value that may be shown in few words. Neither a secret, nor what a file holds, is one. */
function printed(path: string, value: unknown): string | undefined {
  if (value === undefined || /pass(word)?\b|secret|token|\bkey$|cert$|ca$/i.test(path)) return undefined;
  if (Array.isArray(value)) {
    const parts = value.map((each: unknown) => (typeof each === 'string' ? each : undefined));
    return parts.includes(undefined) ? undefined : show(parts.join(', '));
  }
  if (typeof value === 'string') return value.includes('\n') ? undefined : show(value);
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : undefined;
}
