import { isIPv4 } from 'node:net';
import { mapEndpoint, ruleFor, type AddressMap } from '../net/address-map.ts';
import { parsePort, type Endpoint } from '../net/endpoint.ts';
import { isLoopbackName } from '../net/this-host.ts';

/** Where an address was reported, which decides what it means here. */
export interface Origin {
  /** Where to dial servers whose announced addresses cannot be reached from here. */
  readonly map: AddressMap;
  /** Whether the Sentinel runs on another host: its loopback addresses are not ours. */
  readonly isRemote: boolean;
  /** The port of every server of the database, in place of the announced ports. */
  readonly port?: number | undefined;
}

/** A Sentinel on this host, and no address map. */
export const localOrigin: Origin = { map: [], isRemote: false };

/** Hosts that mean "any address" to a listener and "this machine" to a dialler: Sentinel cannot mean either. */
const wildcards = new Set(['', '0.0.0.0', '::', '[::]']);
/** The longest name that can be looked up, as text: 255 octets on the wire (RFC 1035, 2.3.4). */
const longestHost = 253;
/** The last label of what `getaddrinfo` reads as an IPv4 address in an old form: `0`, `127.1`, `0x7f000001`. */
const numericLabel = /(^|\.)(\d+|0x[\da-f]*)\.?$/i;

/** An address that a Sentinel or a master reports. */
export interface ReportedAddress {
  /** Where it is dialled, after the address map. */
  readonly endpoint: Endpoint;
  /** Whether it can be dialled from here: not so a loopback address of another host. */
  readonly isReachable: boolean;
}

/**
 * The one place where a reported address becomes an endpoint.
 *
 * @param host a name, an IPv4 address, or an IPv6 address without brackets, as Sentinel prints it
 * @returns `undefined` where it is not an address
 */
export function readReported(
  host: string,
  port: string,
  { map, isRemote, port: serverPort }: Origin,
): ReportedAddress | undefined {
  const number = parsePort(port);
  if (number === undefined || !isHost(host)) return undefined;
  const reported = { host, port: number };
  const isMappedToHost = ruleFor(map, reported)?.to.host !== undefined;
  return {
    endpoint: mapEndpoint(map, reported, serverPort),
    isReachable: isMappedToHost || !isRemote || !isLoopbackName(host),
  };
}

/** @returns the endpoint; `undefined` where it is not an address, or cannot be dialled from here */
export function reportedEndpoint(host: string, port: string, origin = localOrigin): Endpoint | undefined {
  const reported = readReported(host, port, origin);
  return reported?.isReachable ? reported.endpoint : undefined;
}

/**
 * The endpoint of another Sentinel. It often shares its host with a server, so a rule that gives the servers of a host or
 * of a network another port does not apply to it.
 *
 * @returns `undefined` where it is not an address, or cannot be dialled from here
 */
export function reportedSentinel(host: string, port: string, origin: Origin): Endpoint | undefined {
  const number = parsePort(port);
  const rule = number === undefined ? undefined : ruleFor(origin.map, { host, port: number });
  const isForServers = rule?.to.host === undefined && rule?.from.kind !== 'endpoint';
  return reportedEndpoint(host, port, { map: isForServers ? [] : origin.map, isRemote: origin.isRemote });
}

function isHost(host: string): boolean {
  if (wildcards.has(host) || host.length > longestHost || /[\s\p{Cc}]/u.test(host)) return false;
  return isIPv4(host) || host.includes(':') || !numericLabel.test(host);
}
