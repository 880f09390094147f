import { isIP, isIPv4 } from 'node:net';
import {
  type Endpoint,
  type ListenAddress,
  longestUnixPath,
  parseEndpoint,
  parsePort,
} from '../net/endpoint.ts';

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
  const [first, second] = [canonicalHost(a.host), canonicalHost(b.host)];
  return first === second || takes(first, second) || takes(second, first);
}

function takes(wildcard: string, host: string): boolean {
  return wildcard === '::' || (wildcard === '0.0.0.0' && !host.includes(':'));
}

/** One spelling per host, as far as that can be told without asking a resolver. */
function canonicalHost(host: string): string {
  if (isIP(host) === 6 && !host.includes('%')) return new URL(`http://[${host}]`).hostname.slice(1, -1);
  const lower = host.toLowerCase();
  return lower === 'localhost' ? loopback : lower;
}

/** A literal address or what may be a name; `*`, `1.2.3` and other slips are neither. */
export function isHost(host: string): boolean {
  if (isIP(host) === 6 || isIPv4(host)) return true;
  return /^[\w-]+(\.[\w-]+)*\.?$/.test(host) && !/^[\d.]+$/.test(host);
}
