import { formatEndpoint, sameEndpoint } from '../net/endpoint.ts';
import type { Promotable } from '../sentinel/members/promotable.ts';
import { queryMs, Candidates, listMs, type CandidatesContext, type MasterOffset } from './candidates.ts';
import type { ReplicationReply } from './replication.ts';

/** Every replica that may be promoted has reached the offset of the master. */
export interface ReplicaCatchUp {
  /** How many may be promoted. */
  readonly replicas: number;
  /** The offset that all of them reached: the one of the master when the clients were frozen. */
  readonly offset: number;
  /** How long that took, in milliseconds. */
  readonly tookMs: number;
}

/** How long replicas may take by default, and at most, in milliseconds. */
export const usualMaxLagWaitMs = 3_000;
export const longestMaxLagWaitMs = 60_000;
const pollMs = 10;
/** How much longer than its limit the wait may take, for the first and the last queries, in milliseconds. */
export const catchUpSlackMs = 2 * listMs + 4 * queryMs;

/**
 * Waits until every replica that Sentinel may promote has reached the present offset of the master. Later bytes do not count: they
 * are pings, messages that Sentinels publish, and writes of clients that do not use this tunnel.
 *
 * @param withinMs how long to wait, in milliseconds
 * @throws TunnelError `ST_FAILOVER_FAILED` with the replica that is behind
 */
export async function awaitCatchUp(context: CandidatesContext, withinMs: number): Promise<ReplicaCatchUp> {
  const beganMs = performance.now();
  const candidates = new Candidates(context);
  try {
    const target = await candidates.target();
    const list = async (): Promise<readonly Promotable[]> =>
      (await candidates.list(target)).filter(({ isConnected }) => isConnected);
    for (let wanted = await list(); ;) {
      const missing = await findMissing(context, target, wanted, candidates);
      const tookMs = performance.now() - beganMs;
      if (missing === undefined) {
        // Another replica may have become a candidate meanwhile.
        const now = await list();
        const isSame = now.every((each) => wanted.some((one) => sameEndpoint(one.announced, each.announced)));
        if (isSame) return { replicas: wanted.length, offset: target.offset, tookMs: Math.round(tookMs) };
        wanted = now;
      }
      if (tookMs >= withinMs)
        throw candidates.refusal(
          `${missing ?? 'the list of replicas keeps changing'}, after ${String(Math.round(tookMs))} ms`,
        );
      if (missing !== undefined) await new Promise((resolve) => setTimeout(resolve, pollMs));
    }
  } finally {
    candidates.close();
  }
}

/** Queries the master and every replica once. @returns the replica that is behind; `undefined` when all have reached the target */
async function findMissing(
  context: CandidatesContext,
  target: MasterOffset,
  wanted: readonly Promotable[],
  candidates: Candidates,
): Promise<string | undefined> {
  const [master, ...replies] = await Promise.all([
    context.master.query(queryMs),
    ...wanted.map((replica) => candidates.query(replica)),
  ]);
  const isOther = master.kind === 'info' && (master.info.role !== 'master' || master.info.id !== target.id);
  if (isOther || !context.isCurrent()) throw candidates.refusal('the master has changed meanwhile');
  const counted = master.kind === 'info' ? master.info.replicas : [];
  for (const [index, replica] of wanted.entries()) {
    const reply = replies[index] ?? { kind: 'none', why: 'not queried' };
    const own = reply.kind === 'info' && reply.info.id === target.id ? reply.info.appliedOffset : undefined;
    // The master's own count is up to a second old and never too high, so it serves when the replica cannot be queried.
    const acknowledged = counted.find(({ endpoint }) => sameEndpoint(endpoint, replica.announced))?.offset;
    const offset = Math.max(own ?? 0, acknowledged ?? 0);
    if (offset >= target.offset) continue;
    const who = `replica ${formatEndpoint(replica.announced)}`;
    if (offset > 0)
      return `${who} lacks the last ${String(target.offset - offset)} bytes of the master${whyNoReply(reply)}`;
    return `${who} may not follow the master${whyNoReply(reply)}`;
  }
  return undefined;
}

function whyNoReply(reply: ReplicationReply): string {
  return reply.kind === 'none' ? ` (${reply.why})` : '';
}
