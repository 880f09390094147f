import { mapEndpoint, type AddressMap } from '../net/address-map.ts';
import { parsePort, type Endpoint } from '../net/endpoint.ts';

/** Hosts that mean "any address" to a listener and "this machine" to a dialler: never what a Sentinel can mean. */
const nowhere = new Set(['', '0.0.0.0', '::', '[::]']);
/** The longest name that can be looked up, as text: 255 octets on the wire (RFC 1035, 2.3.4). */
const longestHost = 253;

/**
 * The one place where an address that a Sentinel says becomes an endpoint that we dial.
 *
 * @param host a name, an IPv4 address, or an IPv6 address (bare, as Sentinel prints it)
 * @param map where servers are that are announced under addresses which cannot be reached from here
 * @returns the endpoint, or `undefined` where nobody could dial it
 */
export function announcedEndpoint(host: string, port: string, map: AddressMap = []): Endpoint | undefined {
  const number = parsePort(port);
  if (number === undefined || !isHost(host)) return undefined;
  return mapEndpoint(map, { host, port: number });
}

function isHost(host: string): boolean {
  return !nowhere.has(host) && host.length <= longestHost && !/[\s\p{Cc}]/u.test(host);
}
