import { formatEndpoint, sameEndpoint } from '../net/endpoint.ts';
import type { Promotable } from '../sentinel/members/promotable.ts';
import { askMs, Candidates, listMs, type CandidatesPort, type Goal } from './candidates.ts';
import type { ReplicationReply } from './replication-line.ts';

/** That every replica which may be promoted has what the master had. */
export interface CatchUp {
  /** How many may be promoted. */
  readonly replicas: number;
  /** The offset that all of them had reached: that of the master when the clients were at rest. */
  readonly offset: number;
  /** How long it took until all of them had it, in milliseconds. */
  readonly tookMs: number;
}

/** How long replicas may take unless it is said, and the longest, in milliseconds. */
export const usualMaxLagWaitMs = 3_000;
export const longestMaxLagWaitMs = 60_000;
const lookEveryMs = 10;
/** What the wait may take longer than it is given: the first questions, and the last. In milliseconds. */
export const catchUpSlackMs = 2 * listMs + 4 * askMs;

/**
 * Waits until every replica that Sentinel may promote has what the master has now. The offset of now is what counts, however
 * far the master goes on meanwhile: it does so without a client of ours, by its pings, by what Sentinels publish and by the
 * writes of others.
 *
 * @param withinMs how long to wait, in milliseconds
 * @throws TunnelError `ST_FAILOVER_FAILED` with what is missing
 */
export async function awaitCatchUp(port: CandidatesPort, withinMs: number): Promise<CatchUp> {
  const beganMs = performance.now();
  const candidates = new Candidates(port);
  try {
    const goal = await candidates.goal();
    const list = async (): Promise<readonly Promotable[]> =>
      (await candidates.list(goal)).filter(({ isConnected }) => isConnected);
    for (let wanted = await list(); ;) {
      const missing = await whatIsMissing(port, goal, wanted, candidates);
      const tookMs = performance.now() - beganMs;
      if (missing === undefined) {
        // A replica may have become fit meanwhile.
        const now = await list();
        const isSame = now.every((each) => wanted.some((one) => sameEndpoint(one.announced, each.announced)));
        if (isSame) return { replicas: wanted.length, offset: goal.offset, tookMs: Math.round(tookMs) };
        wanted = now;
      }
      if (tookMs >= withinMs)
        throw candidates.refusal(
          `${missing ?? 'the replicas change'}, after ${String(Math.round(tookMs))} ms`,
        );
      if (missing !== undefined) await new Promise((resolve) => setTimeout(resolve, lookEveryMs));
    }
  } finally {
    candidates.close();
  }
}

/** Asks the master and every replica once. @returns `undefined` where all have reached the goal */
async function whatIsMissing(
  port: CandidatesPort,
  goal: Goal,
  wanted: readonly Promotable[],
  candidates: Candidates,
): Promise<string | undefined> {
  const [master, ...replies] = await Promise.all([
    port.master.ask(askMs),
    ...wanted.map((replica) => candidates.ask(replica)),
  ]);
  const isOther = master.kind === 'info' && (master.info.role !== 'master' || master.info.id !== goal.id);
  if (isOther || !port.isCurrent()) throw candidates.refusal('the master has changed meanwhile');
  const counted = master.kind === 'info' ? master.info.replicas : [];
  for (const [index, replica] of wanted.entries()) {
    const reply = replies[index] ?? { kind: 'none', why: 'not asked' };
    const own = reply.kind === 'info' && reply.info.id === goal.id ? reply.info.appliedOffset : undefined;
    // What the master counts is up to a second old, and never ahead: it will do where the replica cannot be asked.
    const acknowledged = counted.find(({ endpoint }) => sameEndpoint(endpoint, replica.announced))?.offset;
    const offset = Math.max(own ?? 0, acknowledged ?? 0);
    if (offset >= goal.offset) continue;
    const who = `replica ${formatEndpoint(replica.announced)}`;
    if (offset > 0)
      return `${who} lacks the last ${String(goal.offset - offset)} bytes of the master${said(reply)}`;
    return `${who} is not known to follow the master${said(reply)}`;
  }
  return undefined;
}

function said(reply: ReplicationReply): string {
  return reply.kind === 'none' ? ` (${reply.why})` : '';
}
