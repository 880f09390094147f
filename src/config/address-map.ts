import { isIP } from 'node:net';
import { type AddressMap, addressMapOf, type AddressRule, canonicalHost } from '../net/address-map.ts';
import { parsePort } from '../net/endpoint.ts';
import { parseNetwork } from '../net/network.ts';
import { isHost, readEndpoint } from './listen.ts';

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

/** The map for what the schema has found to be one. */
export function settleAddressMap(written: Readonly<Record<string, string>>): AddressMap {
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
