import { isIPv4, isIPv6 } from 'node:net';
import type { ListenAddress } from '../net/endpoint.ts';
import { groupsOf } from '../net/network.ts';
import { AF_INET, AF_INET6, AF_UNIX } from './abi.ts';

/** `sizeof(sun_path)` of `struct sockaddr_un`, one byte of which ends the path (unix(7)). */
const maxPathBytes = 107;

/** A socket address as the kernel wants it, with the family that `socket` needs. */
export interface SocketAddress {
  readonly family: number;
  readonly bytes: Uint8Array;
}

/**
 * `struct sockaddr_in` or `struct sockaddr_in6` (ip(7), ipv6(7)): family in the byte order of the machine, which is
 * little-endian on both architectures we know; port and address in network order.
 *
 * @returns `undefined` where `ip` is a name
 */
export function inetAddress(ip: string, port: number): SocketAddress | undefined {
  if (isIPv4(ip)) {
    const bytes = new Uint8Array(16);
    const view = new DataView(bytes.buffer);
    view.setUint16(0, AF_INET, true);
    view.setUint16(2, port);
    bytes.set(ip.split('.').map(Number), 4);
    return { family: AF_INET, bytes };
  }
  if (!isIPv6(ip)) return undefined;
  const bytes = new Uint8Array(28);
  const view = new DataView(bytes.buffer);
  view.setUint16(0, AF_INET6, true);
  view.setUint16(2, port);
  const [text = '', zone] = ip.split('%');
  groupsOf(text).forEach((group, index) => {
    view.setUint16(8 + index * 2, group);
  });
  // A zone is an interface's number, or a name that only the resolver can turn into one.
  if (zone !== undefined) view.setUint32(24, /^\d+$/.test(zone) ? Number(zone) : 0, true);
  return { family: AF_INET6, bytes };
}

/**
 * `struct sockaddr_un` (unix(7)).
 *
 * @returns `undefined` where the path is too long for the kernel
 */
export function unixAddress(path: string): SocketAddress | undefined {
  const text = new TextEncoder().encode(path);
  if (text.length === 0 || text.length > maxPathBytes || text.includes(0)) return undefined;
  const bytes = new Uint8Array(2 + text.length + 1);
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true);
  bytes.set(text, 2);
  return { family: AF_UNIX, bytes };
}

/** The port of a `sockaddr_in` or `sockaddr_in6`. */
export function portOf(bytes: Uint8Array): number {
  return new DataView(bytes.buffer, bytes.byteOffset).getUint16(2);
}

/** The 16 bytes of the address in a `sockaddr_in` or `sockaddr_in6`, as `addressBytes` gives them; `undefined` for others. */
export function addressOf(sockaddr: Uint8Array): Uint8Array | undefined {
  const family = (sockaddr[0] ?? 0) | ((sockaddr[1] ?? 0) << 8);
  if (family === AF_INET6) return sockaddr.slice(8, 24);
  if (family !== AF_INET) return undefined;
  const bytes = new Uint8Array(16);
  bytes.set([0xff, 0xff], 10);
  bytes.set(sockaddr.subarray(4, 8), 12);
  return bytes;
}

/** The address in a `sockaddr_in`, `sockaddr_in6` or `sockaddr_un`, as a listener has it; `undefined` for others. */
export function listenAddressOf(sockaddr: Uint8Array): ListenAddress | undefined {
  const family = (sockaddr[0] ?? 0) | ((sockaddr[1] ?? 0) << 8);
  const port = portOf(sockaddr);
  if (family === AF_INET) return { kind: 'tcp', host: sockaddr.subarray(4, 8).join('.'), port };
  if (family === AF_INET6) {
    const groups = Array.from({ length: 8 }, (_, index) => {
      return (((sockaddr[8 + index * 2] ?? 0) << 8) | (sockaddr[9 + index * 2] ?? 0)).toString(16);
    });
    // In the shortest spelling (RFC 5952), as configurations have it.
    return { kind: 'tcp', host: new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1), port };
  }
  if (family !== AF_UNIX || sockaddr[2] === 0) return undefined;
  const end = sockaddr.indexOf(0, 2);
  return { kind: 'unix', path: new TextDecoder().decode(sockaddr.subarray(2, end < 0 ? undefined : end)) };
}
