import { TunnelError } from '../errors.ts';
import { formatEndpoint, parsePort, type Endpoint } from '../net/endpoint.ts';
import type { Access } from '../net/tls.ts';
import { readAnnounced, type Origin } from './announced.ts';
import { Connection } from './connection.ts';
import { asMap, longReply, type Reply } from './resp.ts';

/** A replica that a Sentinel may promote. */
export interface Promotable {
  /** What the Sentinel calls it, which is what its master calls it. */
  readonly announced: Endpoint;
  /** Where it is dialled; `undefined` where it cannot be dialled from here. */
  readonly endpoint: Endpoint | undefined;
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
  const all = told.flatMap((each) => each ?? []);
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
  const fit = (reply as readonly Reply[]).map(asMap).filter(isFit);
  const best = Math.min(...fit.map(priorityOf));
  return fit
    .filter((row) => priorityOf(row) === best)
    .flatMap((row) => {
      const [host, port] = [row.get('ip') ?? '', row.get('port') ?? ''];
      const number = parsePort(port);
      if (number === undefined) return [];
      const read = readAnnounced(host, port, origin);
      return [{ announced: { host, port: number }, endpoint: read?.isReachable ? read.endpoint : undefined }];
    });
}

function isFit(row: ReadonlyMap<string, string>): boolean {
  const flags = row.get('flags')?.slice(0, 256).split(',') ?? [];
  if (['s_down', 'o_down', 'disconnected'].some((flag) => flags.includes(flag))) return false;
  const longestDownMs = downAfterTimes * numberIn(row, 'down-after-milliseconds', Infinity);
  return priorityOf(row) !== 0 && numberIn(row, 'master-link-down-time', 0) <= longestDownMs;
}

function priorityOf(row: ReadonlyMap<string, string>): number {
  return numberIn(row, 'slave-priority', usualPriority);
}

function numberIn(row: ReadonlyMap<string, string>, key: string, missing: number): number {
  const value = row.get(key);
  return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : missing;
}
