import { isIPv4 } from 'node:net';
import { networkInterfaces } from 'node:os';
import { canonicalHost } from './address-map.ts';

/** Loopback names (RFC 6761, 6.3, and /etc/hosts of Debian and Red Hat). */
const loopbackNames = /^(localhost|ip6-localhost|ip6-loopback)$|\.localhost$|^localhost\./;

/**
 * Whether a host is a loopback address or one of its names, so that it means a different host to each reader. Resolves nothing.
 */
export function isLoopbackName(host: string): boolean {
  const canonical = canonicalHost(host);
  if (canonical === '::1' || loopbackNames.test(canonical)) return true;
  return isIPv4(canonical) && canonical.startsWith('127.');
}

/** Whether an IP address belongs to this host: a loopback address, or one of an interface. */
export function isOfThisHost(address: string): boolean {
  const canonical = canonicalHost(address);
  if (isLoopbackName(canonical)) return true;
  return Object.values(networkInterfaces()).some((addresses) =>
    addresses?.some((each) => canonicalHost(each.address) === canonical),
  );
}
