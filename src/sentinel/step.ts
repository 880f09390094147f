import { unreachable } from '../lifecycle/unreachable.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../net/endpoint.ts';
import { isUsable, type Belief, type Fence, type Word } from './belief.ts';
import { choose, isNewerEpoch, type Adopted } from './choose.ts';
import { isFormer, withFormer, withoutFormer } from './former.ts';
import type { Role } from './role.ts';
import { answering, isDecided, knowing, reporting, unheard, votes } from './tally.ts';
import type { Announcement } from './words.ts';

/** The next belief after one word. Pure: the same belief and the same word always give the same. */
export function step(before: Belief, word: Word, nowMs: number): Belief {
  const belief = nowMs > before.nowMs ? { ...before, nowMs } : before;
  const after = settle(heard(belief, word));
  return isUsable(after) && !after.hasServed ? { ...after, hasServed: true } : after;
}

function heard(belief: Belief, word: Word): Belief {
  switch (word.kind) {
    case 'ruled':
      return { ...belief, rules: word.rules };
    case 'configured':
      return {
        ...belief,
        configured: [...belief.configured.filter((each) => !belief.reports.has(each)), ...word.sentinels],
      };
    case 'rostered': {
      const reports = new Map([...belief.reports].filter(([sentinel]) => word.roster.includes(sentinel)));
      const next = { ...belief, roster: word.roster, reports };
      const by = belief.fence?.kind === 'asking' ? undefined : belief.fence?.by;
      return by === undefined || word.roster.includes(by) ? next : unlinked(next, by);
    }
    case 'answered': {
      // A failure to answer is news whenever it was asked; an address asked under an older turn is not.
      const isStale = word.turn < belief.turn && word.answer.kind === 'address';
      if (isStale || !belief.roster.includes(word.sentinel)) return belief;
      const report = { answer: word.answer, turn: word.turn, atMs: belief.nowMs };
      // One that has announced a failover and does not answer may be frozen: its announcements would not come either.
      const next = word.answer.kind === 'unreachable' ? unlinked(belief, word.sentinel) : belief;
      return confirmed({ ...next, reports: new Map(next.reports).set(word.sentinel, report) }, word.sentinel);
    }
    case 'announced':
      return announced(belief, word.sentinel, word.announcement);
    case 'unlinked':
      return unlinked(belief, word.sentinel);
    case 'probed':
      return probed(belief, word.endpoint, word.role, word.generation);
    case 'elapsed':
      return elapsed(belief);
    default:
      return unreachable(word);
  }
}

function announced(belief: Belief, sentinel: string, announcement: Announcement): Belief {
  const { adopted, fence } = belief;
  if (announcement.name !== belief.rules.name) return belief;
  if (announcement.kind === 'aborted') {
    const isOurs = fence !== undefined && fence.kind !== 'asking' && fence.by === sentinel;
    return isOurs ? asking(belief, `${sentinel} gave the failover up (${announcement.channel})`) : belief;
  }
  if (announcement.kind !== 'promoting' || belief.rules.failover !== 'promoted') return belief;
  // Only a failover away from the master we believe in concerns its sessions; anything else is a hint.
  if (!adopted || !sameEndpoint(announcement.master, adopted.endpoint)) return belief;
  const { candidate, isOrdered } = announcement;
  if (sameEndpoint(candidate, adopted.endpoint) || !belief.roster.includes(sentinel)) return belief;
  const untilMs = belief.nowMs + belief.rules.fenceMs;
  if (fence && fence.kind !== 'asking' && fence.by === sentinel && sameEndpoint(fence.candidate, candidate)) {
    if (fence.kind === 'provisional') return belief;
    // Its order gives it the whole time anew; to say again what it has said does not, or a fence need never end.
    const ordered = isOrdered && !fence.isOrdered ? { isOrdered, untilMs } : {};
    return { ...belief, fence: { ...fence, isLinked: true, ...ordered } };
  }
  const isContested =
    fence !== undefined &&
    fence.kind !== 'asking' &&
    (fence.isContested || !sameEndpoint(fence.candidate, candidate));
  const next: Fence = {
    kind: 'fenced',
    by: sentinel,
    candidate,
    untilMs,
    isLinked: true,
    isContested,
    isOrdered,
  };
  return newGeneration({ ...abandoned(belief), fence: next });
}

/**
 * The announcer of a failover is not heard any more. The candidate is not served on its own word now, and the old
 * master, which may have been deposed already, not before the fence has ended.
 */
function unlinked(belief: Belief, sentinel: string): Belief {
  const { fence } = belief;
  if (!fence || fence.kind === 'asking' || fence.by !== sentinel || !fence.isLinked) return belief;
  if (fence.kind === 'fenced') return { ...belief, fence: { ...fence, isLinked: false } };
  const untilMs = belief.nowMs + belief.rules.confirmMs;
  return newGeneration({ ...belief, fence: { ...fence, kind: 'fenced', isLinked: false, untilMs } });
}

/** Whether the latest answer of `sentinel` confirms the candidate of a fence. */
function confirmed(belief: Belief, sentinel: string): Belief {
  const { fence, adopted } = belief;
  const report = belief.reports.get(sentinel);
  if (!fence || fence.kind === 'asking' || report?.answer.kind !== 'address') return belief;
  const { endpoint, epoch } = report.answer;
  const isCandidate = sameEndpoint(endpoint, fence.candidate);
  const isNewer = isNewerEpoch(epoch, adopted?.epoch);
  if (isCandidate && (isNewer || fence.by === sentinel)) {
    return concluded(belief, fence, { endpoint, epoch: epoch ?? adopted?.epoch, by: sentinel });
  }
  // A newer configuration that is neither the candidate nor the old master: the announced failover is not what happened.
  if (isNewer && !isCandidate && adopted && !sameEndpoint(endpoint, adopted.endpoint)) {
    return moved({ ...abandoned(belief), fence: undefined }, { endpoint, epoch, by: sentinel });
  }
  return belief;
}

function probed(belief: Belief, endpoint: Endpoint, role: Role, generation: number): Belief {
  const { fence, adopted } = belief;
  if (generation !== belief.generation) return belief; // asked before the last fence or move
  if (fence && fence.kind !== 'asking') {
    if (!sameEndpoint(endpoint, fence.candidate)) return belief;
    if (fence.kind === 'fenced' && role.kind === 'replica') {
      const former = withoutFormer(belief.former, endpoint);
      return former === belief.former ? belief : { ...belief, former };
    }
    // A former master may say so from before. It is served when it has become a master anew, or by a Sentinel's answer.
    const isBelieved = role.kind === 'master' && !isFormer(belief.former, endpoint);
    if (fence.kind === 'fenced' && fence.isLinked && !fence.isContested && isBelieved) {
      const untilMs = belief.nowMs + belief.rules.confirmMs;
      return { ...belief, role, fence: { ...fence, kind: 'provisional', untilMs } };
    }
    if (fence.kind === 'fenced') return belief;
    if (role.kind === 'replica') {
      return asking(belief, `${formatEndpoint(endpoint)} became a replica again before it was confirmed`);
    }
  } else if (!adopted || !sameEndpoint(endpoint, adopted.endpoint)) return belief;
  return sameRole(role, belief.role) ? belief : { ...belief, role };
}

/** Ends a fence with its candidate: sessions that it already has stay. */
function concluded(belief: Belief, fence: Fence, adopted: Adopted): Belief {
  const role = fence.kind === 'provisional' ? belief.role : undefined;
  return { ...belief, fence: undefined, role, adopted, ...leftFor(belief, adopted) };
}

function elapsed(belief: Belief): Belief {
  const { fence } = belief;
  if (!fence || fence.kind === 'asking' || belief.nowMs < fence.untilMs) return belief;
  return fence.kind === 'fenced'
    ? asking(
        belief,
        fence.isLinked
          ? `${formatEndpoint(fence.candidate)} was not promoted in ${String(belief.rules.fenceMs)} ms`
          : `nobody confirmed ${formatEndpoint(fence.candidate)} after ${fence.by}, which announced it, was lost`,
      )
    : asking(
        belief,
        `${formatEndpoint(fence.candidate)} was not confirmed in ${String(belief.rules.confirmMs)} ms`,
      );
}

/** Ends a fence without a master: whatever was answered so far is stale, and so is any session it led to. */
function asking(belief: Belief, why: string): Belief {
  const next: Belief = { ...abandoned(belief), fence: { kind: 'asking', why }, role: undefined };
  return belief.hasServed ? newGeneration(next) : { ...next, turn: belief.turn + 1 };
}

function newGeneration(belief: Belief): Belief {
  return {
    ...belief,
    generation: belief.generation + 1,
    turn: belief.turn + 1,
    role: undefined,
    hasServed: false,
  };
}

function moved(belief: Belief, adopted: Adopted): Belief {
  return { ...newGeneration(belief), adopted, ...leftFor(belief, adopted) };
}

/** What is remembered of the present master when `next` takes its place. */
function leftFor(belief: Belief, next: Adopted): Pick<Belief, 'deposed' | 'former'> {
  const { adopted, deposed, former, nowMs, rules } = belief;
  if (!adopted || sameEndpoint(adopted.endpoint, next.endpoint)) {
    return { deposed, former: withoutFormer(former, next.endpoint) };
  }
  return {
    deposed: { endpoint: adopted.endpoint, untilMs: nowMs + rules.confirmMs },
    former: withoutFormer(withFormer(former, adopted.endpoint), next.endpoint),
  };
}

/** A candidate that is given up may have been promoted all the same, and be demoted only later. */
function abandoned(belief: Belief): Belief {
  const { fence, former } = belief;
  return fence && fence.kind !== 'asking'
    ? { ...belief, former: withFormer(former, fence.candidate) }
    : belief;
}

/** Draws what follows from the votes: adoption, and whether serving is forbidden. */
function settle(belief: Belief): Belief {
  const after = belief.fence && belief.fence.kind !== 'asking' ? fencedVotes(belief) : adopt(belief);
  // Those that were configured just now are not missing yet: while they may still answer, nothing ends for want of them.
  const awaited = after.isForbidden ? 0 : unheard(after);
  const isForbidden =
    after.rules.onSentinelLoss === 'refuse' &&
    after.adopted !== undefined &&
    (answering(after) + awaited) * 2 <= reporting(after) + awaited;
  if (isForbidden === after.isForbidden) return after;
  return isForbidden && after.hasServed
    ? { ...newGeneration(after), role: after.role, isForbidden }
    : { ...after, isForbidden };
}

/** Without epochs (their command may be forbidden) a fence is confirmed when a majority names the candidate. */
function fencedVotes(belief: Belief): Belief {
  const { fence } = belief;
  if (!fence || fence.kind === 'asking') return belief;
  const choice = choose(votes(belief), belief.adopted, knowing(belief));
  return choice && sameEndpoint(choice.endpoint, fence.candidate) ? concluded(belief, fence, choice) : belief;
}

function adopt(belief: Belief): Belief {
  const counted = votes(belief);
  const { adopted, fence } = belief;
  if ((!adopted || fence) && !isDecided(belief, counted)) return belief;
  const choice = choose(counted, adopted, knowing(belief));
  if (!choice || (fence && counted.length === 0)) return belief;
  const settled: Belief = fence ? { ...belief, fence: undefined } : belief;
  if (choice === adopted) return settled;
  if (adopted && sameEndpoint(choice.endpoint, adopted.endpoint)) return { ...settled, adopted: choice };
  // The first address of all needs a generation of its own as well: 0 is "nothing has ever been served".
  return moved(settled, choice);
}

function sameRole(a: Role, b: Role | undefined): boolean {
  return a.kind === b?.kind && ('why' in a ? a.why : '') === ('why' in b ? b.why : '');
}
