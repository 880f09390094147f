import { isIPv4, isIPv6 } from 'node:net';

/** An address to dial. `host` is a name, an IPv4 address or an IPv6 address without brackets. */
export interface Endpoint {
  readonly host: string;
  readonly port: number;
}

/** An address to listen on: a TCP endpoint (port 0 lets the kernel choose) or a unix socket. */
export type ListenAddress =
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number }
  | { readonly kind: 'unix'; readonly path: string };

/**
 * The longest path of a unix socket, in bytes. `sun_path` holds 108 bytes with the final NUL on Linux (unix(7)), 104 on
 * macOS and the BSDs; four are reserved for the folder in which a listener binds first.
 */
export const longestUnixPath = 99;

/** @returns `host:port`, with brackets around an IPv6 host: the only printed form of an endpoint, and its key in maps */
export function formatEndpoint({ host, port }: Endpoint): string {
  return `${isIPv6(host) ? `[${host}]` : host}:${String(port)}`;
}

/** @returns `host:port` or `unix:/path` */
export function formatListenAddress(address: ListenAddress): string {
  return address.kind === 'unix' ? `unix:${address.path}` : formatEndpoint(address);
}

/** Whether two endpoints are equal as text; names are not resolved. */
export function sameEndpoint(a: Endpoint, b: Endpoint): boolean {
  return a.port === b.port && a.host === b.host;
}

/**
 * Reads a decimal TCP port.
 *
 * @returns the port, or `undefined` if the text is not a decimal number from `least` to 65535
 */
export function parsePort(text: string, least = 1): number | undefined {
  if (!/^\d{1,5}$/.test(text)) return undefined;
  const port = Number(text);
  return port >= least && port <= 65_535 ? port : undefined;
}

/**
 * Reads `host:port` or `[v6]:port`.
 *
 * @returns the endpoint, or `undefined` if the text is neither
 */
export function parseEndpoint(text: string, leastPort = 1): Endpoint | undefined {
  const match = /^(?:\[([^\]]+)\]|([^:[\]\s]+)):(\d+)$/.exec(text);
  if (!match) return undefined;
  const [, v6, name, digits = ''] = match;
  const port = parsePort(digits, leastPort);
  const host = v6 ?? name;
  if (port === undefined || host === undefined) return undefined;
  if (v6 !== undefined && !isIPv6(v6)) return undefined;
  return { host, port };
}

/** Whether a host is a loopback address (127.0.0.0/8, ::1) or `localhost`. Resolves nothing. */
export function isLoopback(host: string): boolean {
  return host === '::1' || host.toLowerCase() === 'localhost' || (isIPv4(host) && host.startsWith('127.'));
}
