import { TunnelError } from '../errors.ts';
import type { Endpoint } from '../net/endpoint.ts';
import type { Access } from '../net/tls.ts';
import { Connection } from '../redis/connection.ts';
import { ReplyError } from '../redis/resp.ts';
import { readReplicationInfo, type ReplicationInfo } from '../redis/info.ts';

/** The result of an `INFO replication` query. */
export type ReplicationReply =
  | {
      readonly kind: 'info';
      readonly info: ReplicationInfo;
    }
  | { readonly kind: 'none'; readonly why: string };

/** A side connection to one server for `INFO replication`. It opens at the first query, and again after it broke. */
export class ReplicationConnection {
  readonly #endpoint: Endpoint;
  readonly #access: Access;
  #connection: Connection | undefined;

  constructor(endpoint: Endpoint, access: Access) {
    this.#endpoint = endpoint;
    this.#access = access;
  }

  /**
   * Queries the server; one query at a time. A network failure is a result, not an exception.
   *
   * @param ms deadline for connecting, and again for the reply, in milliseconds
   */
  async query(ms: number): Promise<ReplicationReply> {
    try {
      if (!this.#connection || this.#connection.whyEnded())
        this.#connection = await Connection.open(this.#endpoint, ms, { access: this.#access });
      const reply = await this.#connection.send(['INFO', 'replication'], ms);
      const info = readReplicationInfo(reply);
      if (info) return { kind: 'info', info };
      const why = reply instanceof ReplyError ? reply.text : 'the reply to INFO replication is not valid';
      return { kind: 'none', why };
    } catch (error) {
      if (error instanceof TunnelError) return { kind: 'none', why: error.message };
      throw error;
    }
  }

  close(): void {
    this.#connection?.close();
  }
}

/** What a failover lost of the writes that the old master had accepted. */
export interface Loss {
  /** Acknowledged writes through this tunnel that were lost: 0 when that is certain, `null` when it is unknown. */
  readonly writes: 0 | null;
  /** How many bytes of the old master's replication stream the new one lacked; `null` when unknown. */
  readonly bytes: number | null;
  readonly why: string;
}

/**
 * Compares the old master, queried once nobody could write through the tunnel, with the new one after its promotion. If every
 * client was frozen at some offset, later bytes are no writes through the tunnel: they are pings, messages that Sentinels publish,
 * or writes of other clients. `second_repl_offset` is the first offset that is not of the former history (redis 7.0.15, replication.c, shiftReplicationId).
 *
 * @param frozenAt offset of the old master when every client was frozen; `undefined` when some were not
 */
export function lossBetween(
  old: ReplicationInfo | undefined,
  next: ReplicationInfo | undefined,
  frozenAt?: number,
): Loss {
  if (old?.offset === undefined) return unknown('the old master did not answer in time');
  if (old.role !== 'master') return unknown('the old master does not report role:master');
  if (next?.formerEnd === undefined)
    return unknown('the new master does not report where its history begins');
  if (next.formerId !== old.id)
    return unknown('the history of the new master does not come from the old one');
  const bytes = Math.max(0, old.offset - (next.formerEnd - 1));
  if (bytes > 0 && frozenAt !== undefined && next.formerEnd > frozenAt) {
    const later = `the last ${String(bytes)} bytes of the old one came later: pings, messages of Sentinels, or clients that do not use this tunnel`;
    return {
      writes: 0,
      bytes,
      why: `the new master had everything up to the moment when all clients had their replies; ${later}`,
    };
  }
  return bytes === 0
    ? { writes: 0, bytes, why: 'the new master had everything that the old one had' }
    : {
        writes: null,
        bytes,
        why: 'the new master lacked bytes of the old one, which may be writes or only pings',
      };
}

function unknown(why: string): Loss {
  return { writes: null, bytes: null, why };
}
