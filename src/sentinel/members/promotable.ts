import { TunnelError } from '../../errors.ts';
import { formatEndpoint, parsePort, type Endpoint } from '../../net/endpoint.ts';
import type { Access } from '../../net/tls.ts';
import { readAnnounced, type Origin } from '../../redis/reported-address.ts';
import { Connection } from '../../redis/connection.ts';
import { asMap, longReply, type Reply } from '../../redis/resp.ts';

/** A replica that a Sentinel may promote. */
export interface Promotable {
  /** What the Sentinel calls it, which is what its master calls it. */
  readonly announced: Endpoint;
  /** Where it is dialled; `undefined` where it cannot be dialled from here. */
  readonly endpoint: Endpoint | undefined;
  /** Whether the Sentinel has a connection to it: it promotes none without, but may have one in a moment. */
  readonly isConnected: boolean;
}

/** `replica-priority` unless it is set (redis 7.0.15, redis.conf). */
const usualPriority = 100;
/** A replica that has had no link to its master for more than this many times `down-after-milliseconds` is not promoted. */
const downAfterTimes = 10;

/**
 * Asks Sentinels which replicas of a master they may promote. Whichever of them leads the failover chooses by its own
 * view, so what one of them may promote counts.
 *
 * @param ms deadline of every step, in milliseconds
 * @returns `undefined` where none of them says
 */
export async function askPromotable(
  name: string,
  sentinels: readonly Endpoint[],
  ms: number,
  access: Access,
  servers: Omit<Origin, 'isRemote'>,
): Promise<readonly Promotable[] | undefined> {
  const told = await Promise.all(sentinels.map((sentinel) => ask(name, sentinel, ms, access, servers)));
  if (told.every((each) => each === undefined)) return undefined;
  // What one of them has a connection to, one of them may promote: these come last, and stay.
  const all = told
    .flatMap((each) => each ?? [])
    .toSorted((a, b) => Number(a.isConnected) - Number(b.isConnected));
  return [...new Map(all.map((each) => [formatEndpoint(each.announced), each])).values()];
}

async function ask(
  name: string,
  sentinel: Endpoint,
  ms: number,
  access: Access,
  servers: Omit<Origin, 'isRemote'>,
): Promise<readonly Promotable[] | undefined> {
  let connection: Connection | undefined;
  try {
    connection = await Connection.open(sentinel, ms, undefined, access, undefined, longReply);
    const reply = await connection.ask(['SENTINEL', 'REPLICAS', name], ms);
    return readPromotable(reply, { ...servers, isRemote: connection.isRemote });
  } catch (error) {
    if (error instanceof TunnelError) return undefined;
    throw error;
  } finally {
    connection?.close();
  }
}

/**
 * Reads the reply to `SENTINEL REPLICAS` as Sentinel chooses from it: of those that are up and have not been without
 * their master for too long, those whose priority is best. Among them the offset decides, but the one of the last INFO, which is
 * up to ten seconds old (redis 7.0.15, sentinel.c, sentinelSelectSlave), so each of them may be the one.
 *
 * @returns `undefined` where it is no list
 */
export function readPromotable(reply: Reply, origin: Origin): readonly Promotable[] | undefined {
  if (!Array.isArray(reply)) return undefined;
  const rows = (reply as readonly Reply[]).map(asMap).map((row) => ({ row, why: whyNotPromotable(row) }));
  const best = Math.min(...rows.filter(({ why }) => why === undefined).map(({ row }) => priorityOf(row)));
  return rows
    .filter(({ row, why }) =>
      why === undefined ? priorityOf(row) === best : why === notConnected && priorityOf(row) <= best,
    )
    .flatMap(({ row, why }) => {
      const [host, port] = [row.get('ip') ?? '', row.get('port') ?? ''];
      const number = parsePort(port);
      if (number === undefined) return [];
      const read = readAnnounced(host, port, origin);
      return [
        {
          announced: { host, port: number },
          endpoint: read?.isReachable ? read.endpoint : undefined,
          isConnected: why === undefined,
        },
      ];
    });
}

const notConnected = 'the Sentinel has no connection to it';

/**
 * Why a Sentinel would not promote a replica, by its row in the reply to `SENTINEL REPLICAS` (redis 7.0.15, sentinel.c,
 * sentinelSelectSlave). That a link to the master is down is no reason by itself: all are when the master has died.
 *
 * @param masterDownMs how long the Sentinel has held the master to be down: for that time nothing is asked of the link
 * @returns `undefined` where it may be promoted; what is not said is no reason
 */
export function whyNotPromotable(row: ReadonlyMap<string, string>, masterDownMs = 0): string | undefined {
  const flags = row.get('flags')?.slice(0, 256).split(',') ?? [];
  if (flags.includes('s_down') || flags.includes('o_down')) return 'it is down';
  if (priorityOf(row) === 0) return 'its replica-priority is 0';
  const longestMs = masterDownMs + downAfterTimes * numberIn(row, 'down-after-milliseconds', Infinity);
  const downMs = numberIn(row, 'master-link-down-time', 0);
  if (downMs > longestMs) return `its link to the master has been down for ${String(downMs)} ms`;
  return flags.includes('disconnected') ? notConnected : undefined;
}

function priorityOf(row: ReadonlyMap<string, string>): number {
  return numberIn(row, 'slave-priority', usualPriority);
}

function numberIn(row: ReadonlyMap<string, string>, key: string, missing: number): number {
  const value = row.get(key);
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : missing;
}
