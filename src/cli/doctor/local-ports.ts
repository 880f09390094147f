import { endianness } from 'node:os';
import { formatEndpoint, isLoopback, type Endpoint } from '../../net/endpoint.ts';
import { names } from '../../net/names.ts';
import { portSuffix, procText, tcpSockets } from './tcp-table.ts';

/** The local ports from which this machine can connect to one server, each for one connection at a time (ip(7), ip_local_port_range). */
export interface LocalPorts {
  readonly endpoint: Endpoint;
  readonly first: number;
  readonly last: number;
  /** Those that a connection has. */
  readonly connected: number;
  /** Those that a connection had that is over; each is kept for a minute. */
  readonly timeWait: number;
  /** Whether the kernel takes them again before that, because of tcp_tw_reuse. */
  readonly isReused: boolean;
}

/** How long counting may take, in milliseconds. */
const countMs = 3_000;

/**
 * Counts the connections to each of these servers.
 *
 * @returns nothing of what cannot be counted: of a name that does not resolve, and of any where there is no /proc
 */
export async function localPorts(endpoints: readonly Endpoint[]): Promise<readonly LocalPorts[]> {
  const range = /^(\d+)\s+(\d+)/.exec(await procText('/proc/sys/net/ipv4/ip_local_port_range'));
  if (!range || endpoints.length === 0) return [];
  const [first, last] = [Number(range[1]), Number(range[2])];
  const reuse = (await procText('/proc/sys/net/ipv4/tcp_tw_reuse')).trim();
  const counts = new Map<string, Count>();
  const places = await Promise.all(
    [...new Map(endpoints.map((each) => [formatEndpoint(each), each])).values()].map(async (endpoint) => {
      const host = await names.addressOf(endpoint.host).catch(() => undefined);
      const places = host === undefined ? [] : remotesOf({ host, port: endpoint.port });
      const count: Count = { connected: new Set(), timeWait: new Set() };
      for (const place of places) counts.set(place, count);
      const isReused = reuse === '1' || (reuse === '2' && host !== undefined && isLoopback(host));
      return places.length === 0 ? [] : [{ endpoint, count, isReused }];
    }),
  );
  // What comes after the deadline is not counted: there are at least so many.
  for await (const { local, remote, state } of tcpSockets(performance.now() + countMs)) {
    const count = counts.get(remote);
    const port = Number.parseInt(local.slice(local.lastIndexOf(':') + 1), 16);
    if (count && port >= first && port <= last)
      count[state === timeWait ? 'timeWait' : 'connected'].add(port);
  }
  return places.flat().map(({ endpoint, count, isReused }) => ({
    endpoint,
    first,
    last,
    connected: count.connected.size,
    timeWait: count.timeWait.size,
    isReused,
  }));
}

/** The local ports of both kinds. */
interface Count {
  readonly connected: Set<number>;
  readonly timeWait: Set<number>;
}

/** State of a socket in the table (TCP_TIME_WAIT of include/net/tcp_states.h). */
const timeWait = '06';

/** How the table writes an address that is connected to: as an IPv4 address, and as what IPv6 makes of it. */
export function remotesOf({ host, port }: Endpoint): readonly string[] {
  const tail = portSuffix(port);
  const parts = host.split('.').map(Number);
  if (parts.length === 4 && parts.every((part) => Number.isInteger(part) && part >= 0 && part < 256)) {
    const word = wordText(parts);
    return [`${word}${tail}`, `${'0'.repeat(16)}${wordText([0, 0, 255, 255])}${word}${tail}`];
  }
  const bytes = bytesOf(host);
  if (!bytes) return [];
  const words = [0, 4, 8, 12].map((at) => wordText(bytes.slice(at, at + 4)));
  return [`${words.join('')}${tail}`];
}

/** Four bytes as the kernel prints them: a number in its own order. */
function wordText(bytes: readonly number[]): string {
  const ordered = endianness() === 'LE' ? bytes.toReversed() : bytes;
  return Buffer.from(ordered).toString('hex').toUpperCase();
}

/** The bytes of an IPv6 address, without a zone. */
function bytesOf(host: string): readonly number[] | undefined {
  if (!host.includes(':')) return undefined;
  const [text = ''] = host.split('%', 1);
  // As a URL writes it, with all its spellings made one.
  const { hostname } = new URL(`http://[${text}]/`);
  const [head = '', tail] = hostname.slice(1, -1).split('::', 2);
  const groups = (part: string): readonly string[] => (part === '' ? [] : part.split(':'));
  const [before, after] = [groups(head), groups(tail ?? '')];
  const missing = tail === undefined ? 0 : 8 - before.length - after.length;
  return [...before, ...Array.from({ length: missing }, () => '0'), ...after].flatMap((group) => {
    const value = Number.parseInt(group, 16);
    return [value >> 8, value & 0xff];
  });
}
