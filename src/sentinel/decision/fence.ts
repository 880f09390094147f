import { formatEndpoint, sameEndpoint, type Endpoint } from '../../net/endpoint.ts';
import type { Role } from '../../redis/role.ts';
import type { Announcement } from '../links/announcement.ts';
import { withRole, type Belief, type Fence } from './belief.ts';
import { choose, isNewerEpoch, type Adopted } from './vote-order.ts';
import { isDeposed, moved, newGeneration, rememberedOf, withDeposed, withoutDeposed } from './generation.ts';
import { isFresh, isSame, isVouchedFor, knowing, latenessMs, votes } from './tally.ts';

/** A fence with a candidate. */
type OpenFence = Fence & { kind: 'fenced' | 'provisional' };

/** A provisional master whose failover goes on is looked at again after this, in milliseconds. */
const prolongMs = 250;

/** @returns the fence, while its candidate may still become the master */
export function openFence({ fence }: Belief): OpenFence | undefined {
  return fence && fence.kind !== 'asking' ? fence : undefined;
}

/** What an announcement changes: a promotion opens a fence, an abort or a demotion ends it. */
export function announced(belief: Belief, sentinel: string, announcement: Announcement): Belief {
  if (announcement.name !== belief.rules.name) return belief;
  const fence = openFence(belief);
  switch (announcement.kind) {
    case 'promoting':
      return promoting(belief, sentinel, announcement);
    case 'ended': {
      const { channel } = announcement;
      const isAbort = channel.startsWith('-failover-abort-');
      const next = isAbort ? { ...belief, setback: { by: sentinel, channel } } : belief;
      return fence?.by === sentinel ? asking(next, `${sentinel} aborted the failover (${channel})`) : next;
    }
    case 'demoting': {
      const { server } = announcement;
      if (!fence || !isSame(belief, server, fence.candidate)) return belief;
      return asking(belief, `${sentinel} makes ${formatEndpoint(server)} a replica again`);
    }
    case 'hint':
      return belief;
  }
}

function promoting(
  belief: Belief,
  sentinel: string,
  { candidate, isOrdered, isReachable, master }: Announcement & { kind: 'promoting' },
): Belief {
  const { adopted, rules, nowMs } = belief;
  // Only a failover of the master that we believe in matters; any other is a hint.
  if (rules.failover !== 'promoted' || !adopted || !isOurMaster(belief, sentinel, master, adopted))
    return belief;
  if (isSame(belief, candidate, adopted.endpoint) || !belief.roster.includes(sentinel)) return belief;
  const fence = openFence(belief);
  const untilMs = nowMs + rules.fenceMs;
  const isOther = fence !== undefined && !isSame(belief, fence.candidate, candidate);
  if (fence?.by === sentinel && !isOther) {
    if (fence.kind === 'provisional') return belief;
    // The order restarts the time of the fence. A repeated announcement does not, or a fence might never end.
    const ordered = isOrdered && !fence.isOrdered ? { isOrdered, untilMs, mostMs: untilMs } : {};
    return { ...belief, fence: { ...fence, isSubscribed: true, ...ordered } };
  }
  const isContested = isOther || fence?.isContested === true;
  const next: Fence = {
    ...{ kind: 'fenced', by: sentinel, candidate, isReachable, isOrdered, isContested },
    ...{ untilMs, mostMs: untilMs, isSubscribed: true },
  };
  return newGeneration({ ...abandoned(belief), fence: next });
}

/**
 * Whether a Sentinel fails over the master that we believe in: by what is known of servers, or because it names its own
 * master by that address, which may mean another server here.
 */
function isOurMaster(belief: Belief, sentinel: string, master: Endpoint, adopted: Adopted): boolean {
  if (isSame(belief, master, adopted.endpoint)) return true;
  const answer = belief.reports.get(sentinel)?.answer;
  return answer?.kind === 'error' && answer.announced !== undefined && sameEndpoint(answer.announced, master);
}

/**
 * The subscription to the announcer has ended. From now on ROLE alone does not make the candidate the master, and the old
 * master, which may have been deposed already, is not served before the fence has ended.
 */
export function unsubscribed(belief: Belief, sentinel: string): Belief {
  const fence = openFence(belief);
  if (fence?.by !== sentinel || !fence.isSubscribed) return belief;
  if (fence.kind === 'fenced') return { ...belief, fence: { ...fence, isSubscribed: false } };
  const untilMs = belief.nowMs + belief.rules.confirmMs;
  const next: Fence = { ...fence, kind: 'fenced', isSubscribed: false, untilMs, mostMs: untilMs };
  return newGeneration({ ...belief, fence: next });
}

/** What the latest answer of a Sentinel means for a fence: it may confirm the candidate, or name a third server. */
export function confirmed(belief: Belief, sentinel: string): Belief {
  const { adopted } = belief;
  const fence = openFence(belief);
  const report = belief.reports.get(sentinel);
  if (!fence || report?.answer.kind !== 'address') return belief;
  const { endpoint, epoch } = report.answer;
  const isCandidate = isSame(belief, endpoint, fence.candidate);
  const isNewer = isNewerEpoch(epoch, adopted?.epoch);
  if (isCandidate && (isNewer || fence.by === sentinel)) {
    const spelling = fence.isReachable ? fence.candidate : endpoint;
    return concluded(belief, fence, { endpoint: spelling, epoch: epoch ?? adopted?.epoch, by: sentinel });
  }
  // A newer configuration with a third server: the announced failover is not the one that happened.
  const isThird = !isCandidate && adopted && !isSame(belief, endpoint, adopted.endpoint);
  if (isNewer && isThird && isVouchedFor(belief, sentinel, endpoint)) {
    return moved({ ...abandoned(belief), fence: undefined }, { endpoint, epoch, by: sentinel });
  }
  return belief;
}

/** Without epochs (an ACL may forbid them) a majority of the answers confirms the candidate. */
export function confirmedByVotes(belief: Belief): Belief {
  const fence = openFence(belief);
  if (!fence) return belief;
  const choice = choose(votes(belief), belief.adopted, knowing(belief));
  return choice && isSame(belief, choice.endpoint, fence.candidate)
    ? concluded(belief, fence, choice)
    : belief;
}

/** What ROLE of the candidate changes. */
export function probedCandidate(belief: Belief, fence: OpenFence, role: Role): Belief {
  const { candidate } = fence;
  if (fence.kind === 'provisional') {
    return role.kind === 'replica'
      ? asking(belief, `${formatEndpoint(candidate)} became a replica again before it was confirmed`)
      : withRole(belief, role);
  }
  if (role.kind === 'replica' || role.kind === 'active-replica') {
    const deposed = withoutDeposed(belief, candidate);
    return deposed === belief.deposed ? belief : { ...belief, deposed };
  }
  // A deposed master may say `master` from before. It is served once it has been a replica, or once a Sentinel names it.
  const isPromoted = role.kind === 'master' && !isDeposed(belief, candidate);
  if (!fence.isSubscribed || fence.isContested || !isPromoted) return belief;
  const untilMs = belief.nowMs + belief.rules.confirmMs;
  const mostMs = untilMs + belief.rules.lateMs;
  return { ...belief, role, fence: { ...fence, kind: 'provisional', untilMs, mostMs } };
}

/** Ends a fence with its candidate as the master. Connections to the candidate stay. */
function concluded(belief: Belief, fence: OpenFence, adopted: Adopted): Belief {
  const role = fence.kind === 'provisional' ? belief.role : undefined;
  return { ...belief, fence: undefined, role, adopted, ...rememberedOf(belief, adopted) };
}

/** Ends a fence whose time is over. */
export function elapsed(belief: Belief): Belief {
  const fence = openFence(belief);
  if (!fence || belief.nowMs < fence.untilMs) return belief;
  const where = formatEndpoint(fence.candidate);
  const { fenceMs, confirmMs } = belief.rules;
  if (fence.kind === 'provisional') {
    return isStillPromoting(belief, fence)
      ? { ...belief, fence: { ...fence, untilMs: belief.nowMs + prolongMs } }
      : asking(belief, `${where} was not confirmed in ${String(confirmMs)} ms`);
  }
  return asking(
    belief,
    fence.isSubscribed
      ? `${where} was not promoted in ${String(fenceMs)} ms`
      : `no Sentinel confirmed ${where} after the subscription to ${fence.by}, which announced it, had ended`,
  );
}

/**
 * Whether a provisional master may be confirmed after its time. To leave it and come back would cut every client twice
 * more. The leader says in each answer whether its failover goes on (`SENTINEL MASTER`, flags); if all Sentinels are late,
 * it has had no time to say anything.
 */
function isStillPromoting(belief: Belief, { by, mostMs }: OpenFence): boolean {
  const { nowMs, rules } = belief;
  const report = belief.reports.get(by);
  const isAnswer = report?.answer.kind === 'address' && report.round === belief.round;
  // A leader sees the promotion within a second: its answers to earlier queries say nothing about it.
  const sinceMs = mostMs - rules.lateMs - rules.confirmMs / 2;
  if (isAnswer && isFresh(belief, report) && report.atMs - report.tookMs >= sinceMs)
    return report.answer.flags.includes('failover_in_progress');
  return nowMs < mostMs && latenessMs(belief) >= rules.replyMs;
}

/** Ends a fence without a master: all answers so far are stale, and so are the connections that it led to. */
function asking(belief: Belief, why: string): Belief {
  const next: Belief = { ...abandoned(belief), fence: { kind: 'asking', why }, role: undefined };
  return belief.hasServed ? newGeneration(next) : { ...next, round: belief.round + 1 };
}

/** An abandoned candidate may have been promoted all the same, and be demoted later. */
function abandoned(belief: Belief): Belief {
  const fence = openFence(belief);
  return fence ? { ...belief, deposed: withDeposed(belief, fence.candidate) } : belief;
}
