import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { canonicalHost } from './address-map.ts';

/** Names that every host has for itself (RFC 6761, 6.3, and what Debian and Red Hat write into /etc/hosts). */
const loopbackNames = /^(localhost|ip6-localhost|ip6-loopback)$|\.localhost$|^localhost\./;

/**
 * Whether a host, as somebody writes it, means the one who reads it: a loopback address, or a name of it. Nothing is
 * looked up.
 */
export function isLoopbackName(host: string): boolean {
  const canonical = canonicalHost(host);
  if (canonical === '::1' || loopbackNames.test(canonical)) return true;
  return isIPv4(canonical) && canonical.startsWith('127.');
}

/** Whether an IP address is one of this host's: a loopback address, or one of an interface. */
export function isOfThisHost(address: string): boolean {
  const canonical = canonicalHost(address);
  if (isLoopbackName(canonical)) return true;
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some((each) => canonicalHost(each.address) === canonical),
  );
}
