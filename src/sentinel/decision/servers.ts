import { isIP } from 'node:net';
import { canonicalHost } from '../../net/address-map.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../../net/endpoint.ts';
import type { Vote } from './vote-order.ts';

/**
 * What tells that two endpoints are one server. Sentinels report a server by IP address or, with `announce-hostnames`, by
 * name, and during a rolling restart some do one and some the other.
 */
export interface Servers {
  /** The run id of the server at an endpoint, as a Sentinel knows it. A run id belongs to one process (redis 7.0.15, server.c). */
  readonly runIds: ReadonlyMap<string, string>;
  /** The addresses of a host name, looked up here. */
  readonly addresses: ReadonlyMap<string, readonly string[]>;
}

/** What is known of servers before any Sentinel has answered. */
export const noServers: Servers = { runIds: new Map(), addresses: new Map() };

/** At most this many of each kind are remembered, the latest; a group seldom has more servers. */
const maxKnown = 256;

/** Remembers the run id of the server at an endpoint. @returns the same object where it is known */
export function withRunId(servers: Servers, endpoint: Endpoint, runId: string): Servers {
  const key = formatEndpoint(endpoint);
  if (servers.runIds.get(key) === runId) return servers;
  return { ...servers, runIds: withLatest(servers.runIds, key, runId) };
}

/** Remembers the addresses of a host name. */
export function withAddresses(servers: Servers, host: string, addresses: readonly string[]): Servers {
  return { ...servers, addresses: withLatest(servers.addresses, canonicalHost(host), addresses) };
}

/** Whether two endpoints are one server: the same text, the same run id, or the same port at the same address. */
export function isSameServer({ runIds, addresses }: Servers, a: Endpoint, b: Endpoint): boolean {
  if (sameEndpoint(a, b)) return true;
  const runId = runIds.get(formatEndpoint(a));
  if (runId !== undefined && runIds.get(formatEndpoint(b)) === runId) return true;
  if (a.port !== b.port) return false;
  const [ofA, ofB] = [a, b].map(({ host }) => {
    const canonical = canonicalHost(host);
    return isIP(canonical) === 0 ? (addresses.get(canonical) ?? [canonical]) : [canonical];
  });
  return ofA?.some((address) => ofB?.includes(address)) === true;
}

/**
 * Gives each server one spelling in all votes.
 *
 * @param preferred the spellings in use, which stay
 * @param unreachable a spelling without a route from here: another one is used where there is one
 */
export function withOneSpelling(
  servers: Servers,
  votes: readonly Vote[],
  preferred: readonly Endpoint[],
  unreachable?: Endpoint,
): readonly Vote[] {
  return votes.map((vote) => {
    const isIt = (endpoint: Endpoint): boolean => isSameServer(servers, endpoint, vote.endpoint);
    const spellings = votes.map(({ endpoint }) => endpoint).filter(isIt);
    const reachable = spellings.filter((each) => !unreachable || !sameEndpoint(each, unreachable));
    const endpoint = preferred.find(isIt) ?? spellingOf(reachable) ?? vote.endpoint;
    return endpoint === vote.endpoint ? vote : { ...vote, endpoint };
  });
}

/** The spelling with the most votes; of several an address before a name, which needs a name server as well. */
function spellingOf(endpoints: readonly Endpoint[]): Endpoint | undefined {
  const votes = (endpoint: Endpoint): number =>
    endpoints.filter((each) => sameEndpoint(each, endpoint)).length;
  return endpoints.toSorted((a, b) => votes(b) - votes(a) || isName(a) - isName(b))[0];
}

function isName({ host }: Endpoint): number {
  return isIP(host) === 0 ? 1 : 0;
}

function withLatest<T>(known: ReadonlyMap<string, T>, key: string, value: T): ReadonlyMap<string, T> {
  const next = new Map(known);
  next.delete(key);
  next.set(key, value);
  for (const oldest of next.keys()) {
    if (next.size <= maxKnown) break;
    next.delete(oldest);
  }
  return next;
}
