import { TunnelError } from '../errors.ts';
import { formatEndpoint, type Endpoint } from '../net/endpoint.ts';
import type { Access } from '../net/tls.ts';
import type { Promotable } from '../sentinel/members/promotable.ts';
import type { MasterView } from '../sentinel/decision/view.ts';
import { awaitCatchUp, catchUpSlackMs, type ReplicaCatchUp } from './catch-up.ts';
import { assertFollowed, confirmedMaster } from './candidates.ts';
import type { ReplicationInfo } from '../redis/info.ts';
import { lossBetween, type Loss, ReplicationConnection } from './replication.ts';
import type { FailoverRecord } from './failover-record.ts';

/** How many clients had all their replies before a failover began (`resting`), and how many still waited for one (`busy`). */
export interface FreezeOutcome {
  readonly resting: number;
  readonly busy: number;
}

/** The result of a graceful failover. */
export interface GracefulOutcome {
  /** The Sentinel that began it. */
  readonly sentinel: string;
  readonly quiescence: FreezeOutcome;
  readonly catchUp: ReplicaCatchUp;
  readonly story: FailoverRecord | null;
  readonly lost: Loss;
}

/** What a graceful failover needs of the tunnel of its database. */
export interface GracefulCallbacks {
  readonly name: string;
  view(): MasterView;
  /** Credentials and TLS for the servers. */
  readonly access: Access;
  /** Makes new clients wait for `ms` milliseconds, or until the generation changes. */
  hold(ms: number): void;
  release(): void;
  /** Freezes all clients; resolves when they have their replies, or after `withinMs` milliseconds. */
  freeze(withinMs: number): Promise<FreezeOutcome>;
  /** The replicas that Sentinel may promote; `undefined` where no Sentinel says. */
  promotable(): Promise<readonly Promotable[] | undefined>;
  lastRecord(): FailoverRecord | undefined;
}

/** How long a graceful failover may wait before it begins, in milliseconds. */
export interface FailoverWaits {
  /** For outstanding replies. */
  readonly finishMs: number;
  /** For replicas that are behind. */
  readonly maxLagWaitMs: number;
}

/** How long outstanding replies may take by default, and at most, in milliseconds. */
export const usualFinishMs = 2_000;
export const longestFinishMs = 10_000;
/** How long a Sentinel may take to begin the failover, because it must be elected first, in milliseconds. */
const beginMs = 5_000;
/** How long after the fence the new master must be served, in milliseconds. */
const serveMs = 10_000;
/** How long after that the failover record may take to end, in milliseconds. */
const recordMs = 4_000;
const queryMs = 500;
const pollMs = 5;

/**
 * Fails over with a pause instead of cut commands: new clients wait, outstanding replies arrive, the engine reads no more commands,
 * the replicas catch up, and only then does Sentinel begin the failover. A failure before the fence undoes all of it.
 *
 * @param command asks Sentinel to begin the failover, and resolves with the Sentinel that began it
 * @returns how it went
 * @throws TunnelError why there was no failover; everything is as before then
 */
export async function failOverGracefully(
  callbacks: GracefulCallbacks,
  { finishMs, maxLagWaitMs }: FailoverWaits,
  command: () => Promise<string>,
): Promise<GracefulOutcome> {
  const { name, access } = callbacks;
  const { generation } = callbacks.view();
  const served = confirmedMaster(name, callbacks.view());
  const before = callbacks.lastRecord();
  const old = new ReplicationConnection(served, access);
  const isCurrent = (): boolean => callbacks.view().generation === generation;
  const promotable = callbacks.promotable.bind(callbacks);
  const candidates = { name, access, master: old, promotable, isCurrent };
  try {
    // Checked before any client has to wait.
    await assertFollowed(candidates);
    callbacks.hold(finishMs + maxLagWaitMs + catchUpSlackMs + beginMs + serveMs);
    const quiescence = await callbacks.freeze(finishMs);
    const catchUp = await awaitCatchUp(candidates, maxLagWaitMs);
    const sentinel = await command();
    const hasBegun = await until(() => !isCurrent(), beginMs);
    if (!hasBegun)
      throw new TunnelError(
        'ST_FAILOVER_FAILED',
        `The failover of "${name}" that ${sentinel} accepted has not begun within ${String(beginMs)} ms`,
      );
    // Every session is cut by now, so this offset includes every write that was acknowledged through the tunnel.
    const atFence = await infoOf(old);
    // The hold applies to the old generation only, so no client waits for it any more; it ends once the new master is served.
    await until(() => callbacks.view().phase.kind === 'serving', serveMs);
    callbacks.release();
    const after = callbacks.view().phase;
    const next = after.kind === 'serving' ? await queryNewMaster(after.endpoint, access) : undefined;
    await until(() => callbacks.lastRecord() !== before, recordMs);
    const story = callbacks.lastRecord();
    const isOver = after.kind === 'serving' && formatEndpoint(after.endpoint) !== formatEndpoint(served);
    return {
      sentinel,
      quiescence,
      catchUp,
      story: story !== before ? (story ?? null) : null,
      lost: isOver
        ? lossBetween(atFence, next, quiescence.busy === 0 ? catchUp.offset : undefined)
        : { writes: null, bytes: null, why: 'no new master is served yet' },
    };
  } finally {
    callbacks.release();
    old.close();
  }
}

async function queryNewMaster(endpoint: Endpoint, access: Access): Promise<ReplicationInfo | undefined> {
  const connection = new ReplicationConnection(endpoint, access);
  const info = await infoOf(connection);
  connection.close();
  return info;
}

/** A failed query gives `undefined`; the failover has begun and continues without it. */
async function infoOf(connection: ReplicationConnection): Promise<ReplicationInfo | undefined> {
  const reply = await connection.query(queryMs);
  return reply.kind === 'info' ? reply.info : undefined;
}

/** Polls a condition. @returns whether it came true within `withinMs` milliseconds */
async function until(isSo: () => boolean, withinMs: number): Promise<boolean> {
  const untilMs = performance.now() + withinMs;
  while (!isSo()) {
    if (performance.now() >= untilMs) return false;
    await new Promise((resolve) => setTimeout(resolve, pollMs));
  }
  return true;
}
