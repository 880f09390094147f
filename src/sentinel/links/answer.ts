import type { ErrorCode } from '../../errors.ts';
import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import {
  localOrigin,
  readReported,
  reportedEndpoint,
  reportedSentinel,
  type Origin,
} from '../../redis/reported-address.ts';
import { asMap, ReplyError, type Reply } from '../../redis/resp.ts';
import { denialOf, explainError } from './denial.ts';

/** What one Sentinel answers to a query for one master. */
export type Answer =
  | {
      readonly kind: 'address';
      readonly endpoint: Endpoint;
      /** `config-epoch` of `SENTINEL MASTER`; `undefined` where we may not read it. */
      readonly epoch: number | undefined;
      readonly flags: readonly string[];
      /** Of the server at that address, where `SENTINEL MASTER` prints it: not at once, and not on the leader of a failover. */
      readonly runId?: string;
    }
  /** It does not monitor that name. */
  | { readonly kind: 'unknown' }
  /** It answered, but not with an address: `-NOAUTH`, `-IDONTKNOW`, a port of 0, … */
  | {
      readonly kind: 'error';
      readonly text: string;
      readonly code?: ErrorCode;
      /** Its address of the master, where that means another server here than there. */
      readonly announced?: Endpoint;
    }
  /** It did not answer. */
  | {
      readonly kind: 'unreachable';
      readonly text: string;
      readonly code?: ErrorCode;
      /** It has not answered in time, but still may: the query is not given up. */
      readonly isLate?: true;
    };

/** Another Sentinel, as `SENTINEL SENTINELS` lists it. */
export interface ListedSentinel {
  readonly id: string | undefined;
  readonly endpoint: Endpoint;
  readonly isUp: boolean;
}

/** A replica, as `SENTINEL REPLICAS` lists it. */
export interface ListedServer {
  readonly endpoint: Endpoint;
  readonly runId: string | undefined;
  readonly isUp: boolean;
}

/** A run id has 40 hexadecimal digits (redis 7.0.15, server.h, CONFIG_RUN_ID_SIZE); anything else is not used. */
const runIdForm = /^[\da-f]{40}$/;

/**
 * Joins the replies to `SENTINEL MASTER` and `SENTINEL get-master-addr-by-name`.
 *
 * Only the second has the address: on the leader of a failover the first prints the old address with the new epoch until
 * the failover ends (redis 7.0.15, sentinel.c, addReplySentinelRedisInstance).
 *
 * @param origin where the Sentinel runs
 */
export function readAnswer(address: Reply, master: Reply, origin = localOrigin): Answer {
  if (address instanceof ReplyError) {
    const code = denialOf(address.text);
    return { kind: 'error', text: explainError(address.text), ...(code && { code }) };
  }
  if (address === null) return { kind: 'unknown' };
  const parts: readonly Reply[] = Array.isArray(address) ? address : [];
  const [host, port] = parts;
  if (parts.length !== 2 || typeof host !== 'string' || typeof port !== 'string') {
    return { kind: 'error', text: 'the answer is not an address' };
  }
  const reported = readReported(host, port, origin);
  if (!reported) return { kind: 'error', text: `"${host}" port "${port}" cannot be dialled` };
  const { endpoint } = reported;
  if (!reported.isReachable) return { kind: 'error', text: whyUnreachable(endpoint), announced: endpoint };
  const fields = asMap(master);
  const epoch = fields.get('config-epoch');
  const runId = fields.get('ip') === host && fields.get('port') === port ? runIdIn(fields) : undefined;
  return {
    kind: 'address',
    endpoint,
    epoch: epoch !== undefined && /^\d{1,15}$/.test(epoch) ? Number(epoch) : undefined,
    flags: flagsIn(fields),
    ...(runId !== undefined && { runId }),
  };
}

/** Reads the reply to `SENTINEL SENTINELS`; leaves out entries that cannot be read. */
export function readSentinels(reply: Reply, origin = localOrigin): readonly ListedSentinel[] {
  return rowsOf(reply).flatMap((fields) => {
    const endpoint = reportedSentinel(fields.get('ip') ?? '', fields.get('port') ?? '', origin);
    return endpoint ? [{ id: fields.get('runid'), endpoint, isUp: isUp(fields) }] : [];
  });
}

/** Reads the reply to `SENTINEL REPLICAS`; leaves out entries that cannot be read. */
export function readServers(reply: Reply, origin: Origin): readonly ListedServer[] {
  return rowsOf(reply).flatMap((fields) => {
    const endpoint = reportedEndpoint(fields.get('ip') ?? '', fields.get('port') ?? '', origin);
    return endpoint ? [{ endpoint, runId: runIdIn(fields), isUp: isUp(fields) }] : [];
  });
}

/** Reads the run id of a Sentinel in its reply to `SENTINEL MYID`, which exists since Redis 6.2. */
export function readMyId(reply: Reply | undefined): string | undefined {
  return typeof reply === 'string' && runIdForm.test(reply) ? reply : undefined;
}

/** The entries of a reply such as that to `SENTINEL MASTERS`, each with its fields by name. */
export function rowsOf(reply: Reply | undefined): readonly ReadonlyMap<string, string>[] {
  return Array.isArray(reply) ? (reply as readonly Reply[]).map(asMap) : [];
}

/** The flags of such an entry. */
export function flagsIn(fields: ReadonlyMap<string, string>): readonly string[] {
  return fields.get('flags')?.slice(0, 256).split(',') ?? [];
}

function whyUnreachable(endpoint: Endpoint): string {
  return `it reports ${formatEndpoint(endpoint)} from another host, where that address means the host itself: have it monitor the server by an address that others can reach, or map it in addressMap`;
}

function runIdIn(fields: ReadonlyMap<string, string>): string | undefined {
  const runId = fields.get('runid');
  return runId !== undefined && runIdForm.test(runId) ? runId : undefined;
}

function isUp(fields: ReadonlyMap<string, string>): boolean {
  const flags = flagsIn(fields);
  return !flags.includes('s_down') && !flags.includes('disconnected');
}
