/** What `INFO replication` says of one server, as far as it tells what a failover has cost. */
export interface ReplicationInfo {
  readonly role: string | undefined;
  readonly offset: number | undefined;
  /** How far a replica has carried out what its master has sent. */
  readonly appliedOffset: number | undefined;
  /** Whether the link of a replica to its master is up. */
  readonly isLinked: boolean;
  readonly id: string | undefined;
  /** The history before the last promotion, and where it ended. */
  readonly formerId: string | undefined;
  readonly formerEnd: number | undefined;
}

/** What a failover has lost of what the old master had taken in. */
export interface Loss {
  /** Acknowledged writes of clients of this tunnel that were lost: 0 where that is certain, `null` where it cannot be known. */
  readonly writes: 0 | null;
  /** How much of the old master's replication stream the new one did not have, in bytes; `null` where it is not known. */
  readonly bytes: number | null;
  readonly why: string;
}

/** Reads the reply to `INFO replication`. */
export function readReplicationInfo(text: string): ReplicationInfo {
  // By the line breaks of Redis alone: a replica chooses what it is called by, and a pattern knows other line breaks.
  const fields = new Map(
    text.split('\r\n').map((line) => {
      const colon = line.indexOf(':');
      return [line.slice(0, colon), line.slice(colon + 1)];
    }),
  );
  const field = (name: string): string | undefined => fields.get(name);
  const number = (name: string): number | undefined => {
    const value = field(name);
    return value !== undefined && /^\d{1,15}$/.test(value) ? Number(value) : undefined;
  };
  return {
    role: field('role'),
    offset: number('master_repl_offset'),
    appliedOffset: number('slave_repl_offset'),
    isLinked: field('master_link_status') === 'up',
    id: field('master_replid'),
    formerId: field('master_replid2'),
    formerEnd: number('second_repl_offset'),
  };
}

/**
 * Compares the old master, asked once nobody could write through us any more, with the new one after its promotion.
 * Where every session was at rest at some offset, what came after it was not a write through us: pings, what Sentinels
 * publish, or a client of others. `second_repl_offset` is the first offset that is not of the former history (redis 7.0.15, replication.c, shiftReplicationId).
 *
 * @param atRest how far the old master was when every session was at rest; `undefined` where not every one was
 */
export function lossBetween(
  old: ReplicationInfo | undefined,
  next: ReplicationInfo | undefined,
  atRest?: number,
): Loss {
  if (old?.offset === undefined) return unknown('the old master could not be asked in time');
  if (old.role !== 'master') return unknown('the old master did not say that it was one');
  if (next?.formerEnd === undefined) return unknown('the new master does not tell where its history begins');
  if (next.formerId !== old.id)
    return unknown('the new master has not got its history from the old one alone');
  const bytes = Math.max(0, old.offset - (next.formerEnd - 1));
  if (bytes > 0 && atRest !== undefined && next.formerEnd > atRest) {
    const later = `the last ${String(bytes)} bytes of the old one came later: pings, messages of Sentinels, or clients that do not come through here`;
    return {
      writes: 0,
      bytes,
      why: `the new master had everything from before the clients were at rest; ${later}`,
    };
  }
  return bytes === 0
    ? { writes: 0, bytes, why: 'the new master had everything that the old one had' }
    : {
        writes: null,
        bytes,
        why: 'the new master had less than the old one, which may have been writes or only pings',
      };
}

function unknown(why: string): Loss {
  return { writes: null, bytes: null, why };
}
