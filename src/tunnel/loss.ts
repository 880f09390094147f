import type { ReplicationInfo } from '../redis/info.ts';

/** What a failover has lost of what the old master had taken in. */
export interface Loss {
  /** Acknowledged writes of clients of this tunnel that were lost: 0 where that is certain, `null` where it cannot be known. */
  readonly writes: 0 | null;
  /** How much of the old master's replication stream the new one did not have, in bytes; `null` where it is not known. */
  readonly bytes: number | null;
  readonly why: string;
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
