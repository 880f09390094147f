import { readFileSync } from 'node:fs';
import { portOf, type SocketAddress } from './sockaddr.ts';
import type { Syscalls } from './syscalls.ts';

/** The kernel's default, `Documentation/networking/ip-sysctl.rst`. */
const usualRange = [32_768, 60_999] as const;

let range: readonly [number, number] | undefined;

/**
 * Whether TCP has connected a socket to itself. Dialling a local port that nobody listens on can do that when the port
 * is among the ephemeral ones and the kernel happens to choose it as the source (simultaneous open, RFC 9293 3.5).
 * Other ports cost no system call.
 */
export function isSelfConnected(sys: Syscalls, fd: number, target: SocketAddress): boolean {
  range ??= ephemeralPorts();
  const port = portOf(target.bytes);
  if (port < range[0] || port > range[1]) return false;
  const local = new Uint8Array(target.bytes.length);
  if (sys.localAddress(fd, local) < 0) return false;
  // `sin6_flowinfo` and the zone need not be the same; family, port and address are.
  return local.every((byte, at) => byte === target.bytes[at] || (local.length > 16 && isBesides(at)));
}

function isBesides(at: number): boolean {
  return (at >= 4 && at < 8) || at >= 24;
}

function ephemeralPorts(): readonly [number, number] {
  try {
    const [from, to] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
      .split(/\s+/)
      .map(Number);
    return from !== undefined && to !== undefined ? [from, to] : usualRange;
  } catch {
    return usualRange; // a sandbox may hide it
  }
}
