import type { Endpoint } from '../net/endpoint.ts';
import { reportedEndpoint } from './reported-address.ts';
import type { Reply } from './resp.ts';

/** A replica as its master lists it. */
export interface CountedReplica {
  readonly endpoint: Endpoint;
  /** The offset that it has acknowledged; `undefined` where the master does not say. */
  readonly offset: number | undefined;
}

/** What a master says of its replication. */
export interface Replication {
  readonly offset: number | undefined;
  readonly replicas: readonly CountedReplica[];
}

/** The fields of `INFO replication` that are used. */
export interface ReplicationInfo extends Replication {
  readonly role: string | undefined;
  /** The offset that a replica has applied. */
  readonly appliedOffset: number | undefined;
  /** Whether the link of a replica to its master is up. */
  readonly isLinked: boolean;
  readonly id: string | undefined;
  /** The replication id before the last promotion, and the first offset that does not belong to it. */
  readonly formerId: string | undefined;
  readonly formerEnd: number | undefined;
}

/** At most this many replicas of one master are kept. */
export const maxReplicas = 64;

/**
 * Reads the lines `name:value` of a reply to INFO.
 *
 * Only `\r\n` ends a line: a replica chooses the address under which its master lists it, and may put other line breaks
 * into it. Redis prints `role` before it prints replicas, so the first `role` counts; of other names the last does.
 *
 * @returns no fields where the reply is not a string
 */
export function readInfo(reply: Reply | undefined): ReadonlyMap<string, string> {
  const fields = new Map<string, string>();
  if (typeof reply !== 'string') return fields;
  for (const line of reply.split('\r\n')) {
    const colon = line.indexOf(':');
    if (colon < 1) continue;
    const name = line.slice(0, colon);
    if (name !== 'role' || !fields.has(name)) fields.set(name, line.slice(colon + 1));
  }
  return fields;
}

/**
 * Reads the reply to `INFO replication`. A replica is `slave0:ip=10.0.0.2,port=6379,state=online,offset=5277,lag=0`
 * (redis 7.0.15, server.c, genRedisInfoString).
 *
 * @returns `undefined` where the reply is not a string
 */
export function readReplicationInfo(reply: Reply): ReplicationInfo | undefined {
  if (typeof reply !== 'string') return undefined;
  const fields = readInfo(reply);
  return {
    role: fields.get('role'),
    offset: offsetOf(fields.get('master_repl_offset')),
    appliedOffset: offsetOf(fields.get('slave_repl_offset')),
    isLinked: fields.get('master_link_status') === 'up',
    id: fields.get('master_replid'),
    formerId: fields.get('master_replid2'),
    formerEnd: offsetOf(fields.get('second_repl_offset')),
    replicas: [...fields]
      .filter(([name]) => /^slave\d+$/.test(name))
      .slice(0, maxReplicas)
      .flatMap(([, value]) => {
        const [, host = '', port = '', rest = ''] = /^ip=([^,]+),port=(\d+)(.*)$/s.exec(value) ?? [];
        return countedReplica(host, port, /,offset=(\d{1,15})(?:,|$)/.exec(rest)?.[1]);
      }),
  };
}

/** @returns one replica, or none where its address cannot be dialled from here */
export function countedReplica(
  host: string,
  port: string,
  offset: Reply | undefined,
): readonly CountedReplica[] {
  const endpoint = reportedEndpoint(host, port);
  return endpoint ? [{ endpoint, offset: offsetOf(offset) }] : [];
}

function offsetOf(value: Reply | undefined): number | undefined {
  return typeof value === 'string' && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
}
