import { isIPv4 } from 'node:net';
import { mapEndpoint, ruleFor, type AddressMap } from '../net/address-map.ts';
import { parsePort, type Endpoint } from '../net/endpoint.ts';
import { meansItsReader } from '../net/this-host.ts';

/** Where an address was reported from, which decides what it means. */
export interface Origin {
  /** Where servers are that are announced under addresses which cannot be reached from here. */
  readonly map: AddressMap;
  /** Whether the Sentinel is on another host: its loopback addresses are not ours. */
  readonly isRemote: boolean;
  /** The port of every server of the database, whatever is announced. */
  readonly port?: number | undefined;
}

/** A Sentinel on this host, and no address map. */
export const fromHere: Origin = { map: [], isRemote: false };

/** Hosts that mean "any address" to a listener and "this machine" to a dialler: never what a Sentinel can mean. */
const wildcards = new Set(['', '0.0.0.0', '::', '[::]']);
/** The longest name that can be looked up, as text: 255 octets on the wire (RFC 1035, 2.3.4). */
const longestHost = 253;
/** The last label of what `getaddrinfo` would read as an IPv4 address in an old form: `0`, `127.1`, `0x7f000001`. */
const numericLabel = /(^|\.)(\d+|0x[\da-f]*)\.?$/i;

/** An address that a Sentinel reports. */
export interface Announced {
  /** Where it is dialled: mapped, where the address map has a rule for it. */
  readonly endpoint: Endpoint;
  /** Whether it can be dialled from here: not so a loopback address of another host. */
  readonly isReachable: boolean;
}

/**
 * The one place where an address that a Sentinel reports becomes an endpoint.
 *
 * @param host a name, an IPv4 address, or an IPv6 address (bare, as Sentinel prints it)
 * @returns `undefined` where it is no address at all
 */
export function readAnnounced(
  host: string,
  port: string,
  { map, isRemote, port: serverPort }: Origin,
): Announced | undefined {
  const number = parsePort(port);
  if (number === undefined || !isHost(host)) return undefined;
  const announced = { host, port: number };
  const isLedToHost = ruleFor(map, announced)?.to.host !== undefined;
  return {
    endpoint: mapEndpoint(map, announced, serverPort),
    isReachable: isLedToHost || !isRemote || !meansItsReader(host),
  };
}

/** @returns the endpoint, or `undefined` where nobody could dial it from here */
export function announcedEndpoint(host: string, port: string, origin = fromHere): Endpoint | undefined {
  const announced = readAnnounced(host, port, origin);
  return announced?.isReachable ? announced.endpoint : undefined;
}

/**
 * The same for another Sentinel. It shares its host with a server more often than not, so what says of a host or a network
 * that its servers have another port is not about it.
 */
export function announcedSentinel(host: string, port: string, origin: Origin): Endpoint | undefined {
  const number = parsePort(port);
  const rule = number === undefined ? undefined : ruleFor(origin.map, { host, port: number });
  const isOfServers = rule?.to.host === undefined && rule?.from.kind !== 'endpoint';
  return announcedEndpoint(host, port, { map: isOfServers ? [] : origin.map, isRemote: origin.isRemote });
}

function isHost(host: string): boolean {
  if (wildcards.has(host) || host.length > longestHost || /[\s\p{Cc}]/u.test(host)) return false;
  return isIPv4(host) || host.includes(':') || !numericLabel.test(host);
}
