import { isIP, isIPv4 } from 'node:net';
import { type AddressMap, addressMapOf, type AddressRule, canonicalHost } from '../net/address-map.ts';
import {
  type Endpoint,
  type ListenAddress,
  longestUnixPath,
  parseEndpoint,
  parsePort,
} from '../net/endpoint.ts';
import { parseNetwork } from '../net/network.ts';

const loopback = '127.0.0.1';

/**
 * Reads where to listen: `host:port`, `[v6]:port`, a bare port (loopback), or `unix:/path`.
 *
 * @returns the address, or `undefined` where the value is none of these
 */
export function readListenAddress(value: unknown): ListenAddress | undefined {
  if (typeof value === 'number') return readListenAddress(String(value));
  if (typeof value !== 'string') return undefined;
  if (value.startsWith('unix:')) {
    const path = value.slice('unix:'.length);
    const isUsable =
      path.startsWith('/') && !path.includes('\0') && Buffer.byteLength(path) <= longestUnixPath;
    return isUsable ? { kind: 'unix', path } : undefined;
  }
  const port = parsePort(value, 0);
  if (port !== undefined) return { kind: 'tcp', host: loopback, port };
  const endpoint = parseEndpoint(value, 0);
  return endpoint && isHost(endpoint.host) ? { kind: 'tcp', ...endpoint } : undefined;
}

/** The address of a listener as it is written: the value itself, or the `address` of an object. */
export function writtenAddress(listener: unknown): unknown {
  return typeof listener === 'object' && listener !== null && 'address' in listener
    ? listener.address
    : listener;
}

/**
 * Reads the address of a Sentinel.
 *
 * @returns the endpoint, or `undefined` where the text is neither `host:port` nor `[v6]:port`
 */
export function readEndpoint(text: string): Endpoint | undefined {
  const endpoint = parseEndpoint(text);
  return endpoint && isHost(endpoint.host) ? endpoint : undefined;
}

/**
 * Whether two addresses cannot both be bound. A wildcard takes its port on every address of its family; the IPv6
 * one takes it in both families, because that is how the kernel binds it unless told otherwise. Port 0 never
 * collides.
 */
export function listenersCollide(a: ListenAddress, b: ListenAddress): boolean {
  if (a.kind === 'unix' || b.kind === 'unix') {
    return a.kind === 'unix' && b.kind === 'unix' && a.path === b.path;
  }
  if (a.port !== b.port || a.port === 0) return false;
  const [first, second] = [bindHost(a.host), bindHost(b.host)];
  return first === second || takes(first, second) || takes(second, first);
}

function takes(wildcard: string, host: string): boolean {
  return wildcard === '::' || (wildcard === '0.0.0.0' && !host.includes(':'));
}

/** One spelling per host that is listened on, as far as that is known without a resolver. */
function bindHost(host: string): string {
  if (isIP(host) === 6 && !host.includes('%')) return new URL(`http://[${host}]`).hostname.slice(1, -1);
  const lower = host.toLowerCase();
  return lower === 'localhost' ? loopback : lower;
}

/** Reads a key of `addressMap`: what is announced. `undefined` where it cannot be read. */
export function readMapSource(key: string): AddressRule['from'] | undefined {
  if (key.includes('/')) return parseNetwork(key) && { kind: 'network', network: key };
  const endpoint = readEndpoint(key);
  if (endpoint) return { kind: 'endpoint', ...endpoint };
  const host = readHost(key);
  return host === undefined ? undefined : { kind: 'host', host };
}

/** Reads a value of `addressMap`: where it is dialled. */
export function readMapTarget(text: string): AddressRule['to'] | undefined {
  const endpoint = readEndpoint(text);
  if (endpoint) return endpoint;
  const port = text.startsWith(':') ? parsePort(text.slice(1)) : undefined;
  if (port !== undefined) return { host: undefined, port };
  const host = readHost(text);
  return host === undefined ? undefined : { host, port: undefined };
}

/** The same for two keys that mean the same. */
export function sourceKey(from: AddressRule['from']): string {
  if (from.kind === 'network') {
    const { bytes, bits } = parseNetwork(from.network) ?? { bytes: [], bits: 0 };
    return `${bytes.join('.')}/${String(bits)}`;
  }
  return from.kind === 'host' ? canonicalHost(from.host) : `${canonicalHost(from.host)} ${String(from.port)}`;
}

/** The map that a valid `addressMap` means. */
export function readAddressMap(written: Readonly<Record<string, string>>): AddressMap {
  return addressMapOf(
    Object.entries(written).flatMap(([key, value]) => {
      const [from, to] = [readMapSource(key), readMapTarget(value)];
      return from && to ? [{ from, to }] : [];
    }),
  );
}

/** A name, an IPv4 address, or an IPv6 address with or without brackets. */
function readHost(text: string): string | undefined {
  const host = /^\[(.*)\]$/.exec(text)?.[1] ?? text;
  if (host !== text && isIP(host) !== 6) return undefined;
  return isHost(host) ? host : undefined;
}

/** A literal address or what may be a name; `*`, `1.2.3` and other mistakes are neither. */
function isHost(host: string): boolean {
  if (isIP(host) === 6 || isIPv4(host)) return true;
  return /^[\w-]+(\.[\w-]+)*\.?$/.test(host) && !/^[\d.]+$/.test(host);
}
