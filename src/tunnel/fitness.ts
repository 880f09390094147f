import { TunnelError } from '../errors.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../net/endpoint.ts';
import type { Promotable } from '../sentinel/members/promotable.ts';
import type { MasterView } from '../sentinel/decision/view.ts';
import { Candidates, type CandidatesPort, type Goal } from './candidates.ts';
import type { ReplicationReply } from './replication-line.ts';

/** The size of the replication backlog unless configured (redis.conf, repl-backlog-size), in bytes: who is further behind begins again when its link breaks. */
export const backlogBytes = 1024 * 1024;

/**
 * The master that is served, where a failover may be asked for.
 *
 * @throws TunnelError `ST_FAILOVER_FAILED` where none is, or where Sentinel has not confirmed it
 */
export function confirmedMaster(name: string, { phase }: MasterView): Endpoint {
  if (phase.kind === 'serving' && phase.standing === 'confirmed') return phase.endpoint;
  const state = phase.kind === 'serving' ? phase.standing : phase.kind;
  throw new TunnelError(
    'ST_FAILOVER_FAILED',
    `Cannot fail "${name}" over: it is ${state}, not serving a confirmed master`,
  );
}

/**
 * Looks whether every replica that Sentinel may promote follows the master. Sentinel does not: it chooses by what it has heard in
 * the last ten seconds, and so it promotes a master that has just been deposed and is no replica yet, whose data is of before.
 *
 * @param mostBehind how many bytes a replica may lack
 * @throws TunnelError `ST_FAILOVER_FAILED` with the first that does not follow, and why
 */
export async function assertFollowed(port: CandidatesPort, mostBehind = Infinity): Promise<void> {
  const candidates = new Candidates(port);
  try {
    const goal = await candidates.goal();
    const replicas = await candidates.list(goal);
    const reasons = await Promise.all(
      replicas.map(async (replica) => whyUnfit(replica, await candidates.ask(replica), goal, mostBehind)),
    );
    const [unfit] = replicas.flatMap(({ announced }, at) => {
      const why = reasons[at];
      return why === undefined ? [] : [`replica ${formatEndpoint(announced)} ${why}`];
    });
    if (unfit !== undefined) throw candidates.refusal(unfit);
    if (!port.isCurrent()) throw candidates.refusal('the master has changed meanwhile');
  } finally {
    candidates.close();
  }
}

function whyUnfit(
  { announced, isConnected }: Promotable,
  reply: ReplicationReply,
  goal: Goal,
  mostBehind: number,
): string | undefined {
  const counted = goal.replicas.find(({ endpoint }) => sameEndpoint(endpoint, announced));
  if (reply.kind === 'none') {
    // Nobody has a connection to it: Sentinel promotes no such replica.
    if (!isConnected) return undefined;
    if (!counted) return `is not known to follow the master (${reply.why})`;
    return whyBehind(counted.offset, goal, mostBehind);
  }
  const { role, isLinked, id, appliedOffset } = reply.info;
  if (role === 'master')
    return 'says that it is a master itself: Sentinel has not made it a replica yet, which takes about ten seconds after a failover';
  if (!isLinked) return 'has no link to the master: it has not synchronised yet';
  if (id !== goal.id) return 'replicates from another server than the master';
  return whyBehind(Math.max(appliedOffset ?? 0, counted?.offset ?? 0), goal, mostBehind);
}

function whyBehind(offset = 0, goal: Goal, mostBehind: number): string | undefined {
  const behind = goal.offset - offset;
  return behind > mostBehind ? `lacks the last ${String(behind)} bytes of the master` : undefined;
}
