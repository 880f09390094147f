import type { DatabaseStatus } from '../admin/status.ts';
import { TunnelError } from '../errors.ts';
import type { FailoverRecord } from '../tunnel/failover-record.ts';
import { AdminClient } from './admin-client.ts';
import { adminPlaceOf } from './admin-place.ts';
import { databaseOf, readFailovers, readStatus } from './admin-reads.ts';
import { exitCodes } from './exit-codes.ts';
import { wholeNumber } from './failovers.ts';
import type { Host } from './host.ts';
import { orderOf, type OperateFlags } from './operate.ts';
import { count, grouped } from '../admin/wording.ts';
import { painter } from './plain.ts';
import { printable, printableJson, withPrintableTexts } from '../printable.ts';
import { failoverText } from './status-text.ts';

export interface FailoverFlags extends OperateFlags {
  readonly graceful?: boolean;
  readonly force?: boolean;
  readonly finishMs?: string;
  readonly maxLagWait?: string;
  readonly waitMs?: string;
}

/** What the tunnel answers: all but the Sentinel is of a graceful failover alone. */
interface Outcome {
  readonly sentinel: string;
  /** Sessions whose last command had been answered before it began, and those whose had not. */
  readonly quiescence?: { readonly resting: number; readonly busy: number } | null;
  /** How many replicas had everything before it began, and after how long. */
  readonly catchUp?: { readonly replicas: number; readonly tookMs: number } | null;
  readonly story?: object | null;
  /** Acknowledged writes; `null` where that cannot be known. */
  readonly lost?: {
    readonly writes: number | null;
    readonly bytes: number | null;
    readonly why: string;
  } | null;
}

/** A planned failover takes Sentinel two seconds; a slow one is ended by its `failover-timeout` of a minute or more. */
const usualWaitMs = 60_000;
const mostWaitMs = 3_600_000;
/** The longest that a tunnel waits for replies. */
const mostFinishMs = 10_000;
/** The longest that a tunnel waits for replicas. */
const mostLagWaitMs = 60_000;
const lookMs = 100;
/** A look that is missed is no reason to give up: the tunnel may be asked again. */
const lookAnswerMs = 5_000;

/**
 * Has Sentinel begin a failover, waits until the new master is served, and prints the failover record.
 *
 * @returns the exit code: failed where it came to nothing, or was not served in time
 */
export async function failover(name: string, flags: FailoverFlags, host: Host): Promise<number> {
  if (flags.finishMs !== undefined && !flags.graceful) {
    throw new TunnelError('ST_USAGE', '--finish-ms is for --graceful');
  }
  if (flags.maxLagWait !== undefined && !flags.graceful) {
    throw new TunnelError('ST_USAGE', '--max-lag-wait is for --graceful');
  }
  if (flags.force && flags.graceful) {
    throw new TunnelError('ST_USAGE', '--force is for a failover without --graceful');
  }
  const waitMs =
    flags.waitMs === undefined ? usualWaitMs : wholeNumber(flags.waitMs, '--wait-ms', 1, mostWaitMs);
  const finishMs =
    flags.finishMs === undefined ? undefined : wholeNumber(flags.finishMs, '--finish-ms', 1, mostFinishMs);
  const maxLagWaitMs =
    flags.maxLagWait === undefined
      ? undefined
      : wholeNumber(flags.maxLagWait, '--max-lag-wait', 1, mostLagWaitMs);
  const client = new AdminClient(await adminPlaceOf(flags, host.env));
  const before = databaseOf(await readStatus(client), name);
  const wishes = {
    ...(flags.graceful && { graceful: true }),
    ...(flags.force && { force: true }),
    ...(finishMs !== undefined && { finishMs }),
    ...(maxLagWaitMs !== undefined && { maxLagWaitMs }),
  };
  const deadlineMs = performance.now() + waitMs;
  const outcome = await orderOf<Outcome>(client, name, 'failover', wishes, waitMs);
  if (!outcome.story) {
    const who = printable(outcome.sentinel);
    host.stderr.write(`${printable(name)}: ${who} has begun a failover, waiting for the next master\n`);
  }
  const after = await served(client, name, before, deadlineMs);
  if (!after) {
    throw new TunnelError(
      'ST_ADMIN_REFUSED',
      `"${printable(name)}" has no next master after ${String(waitMs)} ms: "sentinel-tunnel status ${printable(name)}" says what it waits for`,
    );
  }
  return tell(flags, host, outcome, (await readFailovers(client, name, 1)).at(-1));
}

/** Waits until there is a newer failover record than before, and the database is served. */
async function served(
  client: AdminClient,
  name: string,
  before: DatabaseStatus,
  deadlineMs: number,
): Promise<DatabaseStatus | undefined> {
  while (performance.now() < deadlineMs) {
    const now = databaseOf(await readStatus(client, lookAnswerMs), name);
    const isOver = now.lastFailover !== null && now.lastFailover.at !== before.lastFailover?.at;
    if (isOver && now.phase === 'serving') return now;
    await new Promise((resolve) => setTimeout(resolve, lookMs));
  }
  return undefined;
}

function tell(flags: FailoverFlags, host: Host, outcome: Outcome, story: FailoverRecord | undefined): number {
  if (!story) return exitCodes.failed;
  const isMoved = story.from !== story.to;
  const { sentinel, quiescence = null, catchUp = null, lost = null } = withPrintableTexts(outcome);
  if (flags.json) {
    host.stdout.write(`${printableJson({ sentinel, quiescence, catchUp, lost, story }, 2)}\n`);
  } else {
    const lines = [
      ...(quiescence ? [`At rest before it began: ${sessionsOf(quiescence)}`] : []),
      ...(catchUp ? [`Replicas that had everything before it began: ${caughtUpOf(catchUp)}`] : []),
      `Acknowledged writes lost: ${lossOf(lost)}`,
      ...(isMoved ? [] : ['The failover was called off: the master has not changed']),
    ];
    const text = failoverText(withPrintableTexts(story), new Date(), painter(host.stdout.isColoured));
    host.stdout.write(`${text}${lines.join('\n')}\n`);
  }
  return isMoved ? exitCodes.done : exitCodes.failed;
}

function sessionsOf({ resting, busy }: NonNullable<Outcome['quiescence']>): string {
  const cut = busy === 0 ? '' : `, and ${String(busy)} were cut while they waited for an answer`;
  return `${String(resting)} of ${count(resting + busy, 'session')}${cut}`;
}

function caughtUpOf({ replicas, tookMs }: NonNullable<Outcome['catchUp']>): string {
  return `all ${String(replicas)} that Sentinel may promote, after ${String(tookMs)} ms`;
}

function lossOf(lost: Outcome['lost']): string {
  if (!lost) return 'not known; --graceful finds out';
  const { writes, bytes, why } = lost;
  const lacking = writes === null && bytes ? `, ${grouped(bytes)} bytes of replication are missing` : '';
  return `${writes === null ? 'not known' : String(writes)}${lacking} (${printable(why)})`;
}
