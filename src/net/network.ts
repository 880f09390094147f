import { isIPv4, isIPv6 } from 'node:net';

/**
 * An IPv4 address becomes its IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2), which is also what a dual-stack listener shows, so that an
 * address has one form.
 *
 * @returns the 16 bytes of an IP address without its zone (`%eth0`); `undefined` if the text is no address
 */
export function addressBytes(ip: string): Uint8Array | undefined {
  const bytes = new Uint8Array(16);
  if (isIPv4(ip)) {
    bytes.set([0xff, 0xff, ...ip.split('.').map(Number)], 10);
    return bytes;
  }
  if (!isIPv6(ip)) return undefined;
  const [text = ''] = ip.split('%');
  groupsOf(text).forEach((group, index) => {
    bytes[index * 2] = group >> 8;
    bytes[index * 2 + 1] = group & 0xff;
  });
  return bytes;
}

/** @returns the usual text of 16 bytes: dotted for an IPv4-mapped address, otherwise shortened as in RFC 5952 */
export function formatAddress(bytes: Uint8Array): string {
  if (networkHolds(mapped, bytes)) return bytes.subarray(12).join('.');
  const groups = Array.from({ length: 8 }, (_, index) =>
    (((bytes[index * 2] ?? 0) << 8) | (bytes[index * 2 + 1] ?? 0)).toString(16),
  );
  return new URL(`http://[${groups.join(':')}]`).hostname.slice(1, -1);
}

/** The addresses whose first `bits` bits are those of `bytes`. */
export interface Network {
  readonly bytes: Uint8Array;
  readonly bits: number;
}

const mapped: Network = { bytes: addressBytesOfMapped(), bits: 96 };

/**
 * Reads `10.0.0.0/8`, `fd00::/8`, or one address.
 *
 * @returns `undefined` for any other text, and for a network with bits set beyond its prefix, which is a mistake
 */
export function parseNetwork(text: string): Network | undefined {
  const match = /^([^/%]+)(?:\/(\d{1,3}))?$/.exec(text);
  const bytes = match?.[1] === undefined ? undefined : addressBytes(match[1]);
  if (!match || !bytes) return undefined;
  const most = isIPv4(match[1] ?? '') ? 32 : 128;
  const prefix = match[2] === undefined ? most : Number(match[2]);
  if (prefix > most) return undefined;
  const network: Network = { bytes, bits: prefix + 128 - most };
  return isClean(network) ? network : undefined;
}

/** Whether an address, as `addressBytes` gives it, is in the network. */
export function networkHolds({ bytes, bits }: Network, address: Uint8Array): boolean {
  const whole = bits >> 3;
  for (let index = 0; index < whole; index += 1) if (bytes[index] !== address[index]) return false;
  const rest = bits & 7;
  if (rest === 0) return true;
  const differing = (bytes[whole] ?? 0) ^ (address[whole] ?? 0);
  return differing >> (8 - rest) === 0;
}

/** @returns an address with all but its first `bits` bits cleared */
export function withinNetwork(address: Uint8Array, bits: number): Uint8Array {
  return address.map((byte, index) => {
    const kept = Math.min(8, Math.max(0, bits - index * 8));
    return byte & (0xff << (8 - kept));
  });
}

/** @returns the eight groups of a valid IPv6 address, with `::` and a dotted tail expanded */
export function groupsOf(ip: string): number[] {
  const [head = '', tail] = ip.split('::');
  const front = partOf(head);
  const back = tail === undefined ? [] : partOf(tail);
  const gap = tail === undefined ? 0 : 8 - front.length - back.length;
  return [...front, ...Array<number>(gap).fill(0), ...back];
}

function partOf(text: string): number[] {
  if (text === '') return [];
  return text.split(':').flatMap((group) => {
    if (!group.includes('.')) return [Number.parseInt(group, 16)];
    const [a = 0, b = 0, c = 0, d = 0] = group.split('.').map(Number);
    return [(a << 8) | b, (c << 8) | d];
  });
}

function addressBytesOfMapped(): Uint8Array {
  const bytes = new Uint8Array(16);
  bytes.set([0xff, 0xff], 10);
  return bytes;
}

function isClean({ bytes, bits }: Network): boolean {
  return bytes.every((byte, index) => {
    const kept = Math.min(8, Math.max(0, bits - index * 8));
    return (byte & (0xff >> kept)) === 0;
  });
}
