import { formatEndpoint, parsePort, type Endpoint } from '../../net/endpoint.ts';
import type { Access } from '../../net/tls.ts';
import { replyTo } from '../../redis/query.ts';
import { readReported, type Origin } from '../../redis/reported-address.ts';
import type { Reply } from '../../redis/resp.ts';
import { flagsIn, rowsOf } from '../links/answer.ts';
import { masterCommands, querySentinel } from '../links/query.ts';

/** A replica that a Sentinel may promote. */
export interface Promotable {
  /** Its announced address, by which its master lists it. */
  readonly announced: Endpoint;
  /** Where it is dialled; `undefined` where it cannot be dialled from here. */
  readonly endpoint: Endpoint | undefined;
  /** Whether the Sentinel is connected to it. It promotes no replica without a connection, but may have one in a moment. */
  readonly isConnected: boolean;
}

/** `replica-priority` unless it is set (redis 7.0.15, redis.conf). */
const usualPriority = 100;
/** A replica without a link to its master for more than this many times `down-after-milliseconds` is not promoted. */
const downAfterTimes = 10;

/**
 * Queries Sentinels for the replicas of a master that they may promote. The Sentinel that will lead the failover decides by
 * its own view, so the replicas of every view count.
 *
 * @param ms deadline for connecting, for the reply to AUTH and for the reply, in milliseconds
 * @param servers where servers are dialled
 * @returns `undefined` where no Sentinel gives a list
 */
export async function queryPromotable(
  name: string,
  sentinels: readonly Endpoint[],
  ms: number,
  access: Access,
  servers: Omit<Origin, 'isRemote'>,
): Promise<readonly Promotable[] | undefined> {
  const command = masterCommands.replicas(name);
  const lists = await Promise.all(
    sentinels.map(async (sentinel) => {
      const replies = await querySentinel(sentinel, [command], { access, ms });
      const { isRemote } = replies;
      return readPromotable(replyTo(replies, command) ?? null, { ...servers, isRemote });
    }),
  );
  if (lists.every((list) => list === undefined)) return undefined;
  // A replica that one of them is connected to may be promoted: these come last in the map, and stay.
  const all = lists
    .flatMap((list) => list ?? [])
    .toSorted((a, b) => Number(a.isConnected) - Number(b.isConnected));
  return [...new Map(all.map((each) => [formatEndpoint(each.announced), each])).values()];
}

/**
 * Reads the reply to `SENTINEL REPLICAS` as Sentinel selects from it: of the replicas that are up and have not lost their
 * master for too long, those with the best priority. Among these the offset decides, but the offset of the last INFO, which
 * is up to ten seconds old (redis 7.0.15, sentinel.c, sentinelSelectSlave), so any of them may be selected.
 *
 * @returns `undefined` where the reply is not a list
 */
export function readPromotable(reply: Reply, origin: Origin): readonly Promotable[] | undefined {
  if (!Array.isArray(reply)) return undefined;
  const rows = rowsOf(reply).map((row) => ({ row, why: whyNotPromotable(row) }));
  const best = Math.min(...rows.filter(({ why }) => why === undefined).map(({ row }) => priorityOf(row)));
  return rows
    .filter(({ row, why }) =>
      why === undefined ? priorityOf(row) === best : why === notConnected && priorityOf(row) <= best,
    )
    .flatMap(({ row, why }) => {
      const [host, port] = [row.get('ip') ?? '', row.get('port') ?? ''];
      const number = parsePort(port);
      if (number === undefined) return [];
      const read = readReported(host, port, origin);
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
 * Why a Sentinel would not promote a replica, by its entry in the reply to `SENTINEL REPLICAS` (redis 7.0.15, sentinel.c,
 * sentinelSelectSlave). A link to the master that is down is no reason by itself: every link is down when the master has died.
 *
 * @param masterDownMs how long the Sentinel has seen the master down, in milliseconds: the link may be down as long
 * @returns `undefined` where it may be promoted; a missing field is no reason
 */
export function whyNotPromotable(row: ReadonlyMap<string, string>, masterDownMs = 0): string | undefined {
  const flags = flagsIn(row);
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
