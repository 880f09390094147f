import { parsePort, type Endpoint } from '../net/endpoint.ts';

/** Hosts that mean "any address" to a listener and "this machine" to a dialler: never what a Sentinel can mean. */
const nowhere = new Set(['', '0.0.0.0', '::', '[::]']);

/**
 * The one place where an address that a Sentinel says becomes an endpoint that we dial.
 *
 * @param host a name, an IPv4 address, or an IPv6 address (bare, as Sentinel prints it)
 * @returns the endpoint, or `undefined` where nobody could dial it
 */
export function announcedEndpoint(host: string, port: string): Endpoint | undefined {
  const number = parsePort(port);
  if (number === undefined || nowhere.has(host) || /[\s\0]/.test(host)) return undefined;
  return { host, port: number };
}
