import { unreachable } from '../../lifecycle/unreachable.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../../net/endpoint.ts';
import { isUsable, type Belief, type Fence, type Report, type Word } from './belief.ts';
import { choose, isNewerEpoch, type Adopted } from './choose.ts';
import { isFormer, withFormer, withoutFormer } from './deposed.ts';
import { isKnownNotToBeOurs, recognized, withIntroduction } from './identity.ts';
import type { Role } from '../../redis/role.ts';
import { withAddresses, withRunId } from './servers.ts';
import {
  answering,
  isDecided,
  isFresh,
  isOutrun,
  isSame,
  isVouchedFor,
  knowing,
  latenessMs,
  reporting,
  speakersOf,
  unheard,
  votes,
} from './tally.ts';
import type { Announcement, Answer } from '../links/announcement.ts';

/** The next belief after one word. Pure: the same belief and the same word always give the same. */
export function step(before: Belief, word: Word, nowMs: number): Belief {
  const belief = nowMs > before.nowMs ? { ...before, nowMs } : before;
  const after = settle(heard(belief, word));
  if (!isUsable(after)) return after;
  return after.hasServed && !after.setback ? after : { ...after, hasServed: true, setback: undefined };
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
      const { sentinels, seeds } = word.roster;
      const reports = new Map([...belief.reports].filter(([sentinel]) => sentinels.includes(sentinel)));
      const next = recognize({ ...belief, roster: sentinels, seeds: new Set(seeds), reports });
      const by = belief.fence?.kind === 'asking' ? undefined : belief.fence?.by;
      return by === undefined || sentinels.includes(by) ? next : unlinked(next, by);
    }
    case 'answered':
      return belief.roster.includes(word.sentinel) ? answered(belief, word) : belief;
    case 'introduced':
      return recognize({ ...belief, identities: withIntroduction(belief.identities, word.introduction) });
    case 'resolved':
      return { ...belief, servers: withAddresses(belief.servers, word.host, word.addresses) };
    case 'announced':
      return isFromStranger(belief, word) ? belief : announced(belief, word.sentinel, word.announcement);
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

function answered(belief: Belief, word: Word & { kind: 'answered' }): Belief {
  const { sentinel, answer, turn, tookMs } = word;
  const before = belief.reports.get(sentinel);
  // A failure to answer is news whenever it was asked; an address asked under an older turn is not.
  if (turn < belief.turn && answer.kind === 'address') return belief;
  const hasAnswered = answer.kind !== 'unreachable';
  const report: Report = {
    ...{ answer, turn, atMs: belief.nowMs, tookMs, id: word.id ?? before?.id },
    hasAnswered: hasAnswered || before?.hasAnswered === true,
  };
  // While an answer is late, the one before it counts as long as it would have.
  const doesLast =
    before?.answer.kind === 'address' && before.turn === belief.turn && isFresh(belief, before);
  const isKept = isOnlyLate(answer) && doesLast;
  const reports = isKept ? belief.reports : new Map(belief.reports).set(sentinel, report);
  const next = recognize({ ...belief, reports });
  if (next.identities.strangers.has(sentinel)) return next;
  // One that has announced a failover and does not answer may be frozen: its announcements would not come either. Where
  // nobody answers sooner, all are busy.
  const isFrozen = answer.kind === 'unreachable' && (!isOnlyLate(answer) || isOutrun(next, sentinel, tookMs));
  return isFrozen ? unlinked(next, sentinel) : confirmed(next, sentinel);
}

function isOnlyLate(answer: Answer): boolean {
  return answer.kind === 'unreachable' && answer.isLate === true;
}

/** Decides who may speak, and learns what they know of servers. */
function recognize(belief: Belief): Belief {
  const isFounded = belief.adopted !== undefined;
  const identities = recognized(belief.identities, speakersOf(belief), isFounded, belief.nowMs);
  let { servers } = belief;
  for (const [sentinel, { id, answer }] of belief.reports) {
    if (id === undefined || identities.strangers.has(sentinel)) continue;
    if (answer.kind === 'address' && answer.runId !== undefined)
      servers = withRunId(servers, answer.endpoint, answer.runId);
    for (const { endpoint, runId } of identities.introductions.get(id)?.servers ?? [])
      if (runId !== undefined) servers = withRunId(servers, endpoint, runId);
  }
  return { ...belief, identities, servers };
}

/** The connection that is listened to may lead to another Sentinel than the one that is asked. */
function isFromStranger(
  { identities, reports }: Belief,
  { sentinel, id }: Word & { kind: 'announced' },
): boolean {
  if (identities.strangers.has(sentinel)) return true;
  return id !== undefined && reports.get(sentinel)?.id !== id && isKnownNotToBeOurs(identities, id);
}

function announced(belief: Belief, sentinel: string, announcement: Announcement): Belief {
  const { adopted, fence } = belief;
  if (announcement.name !== belief.rules.name) return belief;
  if (announcement.kind === 'ended') {
    const { channel } = announcement;
    const isOurs = fence !== undefined && fence.kind !== 'asking' && fence.by === sentinel;
    const next = channel.startsWith('-failover-abort-')
      ? { ...belief, setback: { by: sentinel, channel } }
      : belief;
    return isOurs ? asking(next, `${sentinel} gave the failover up (${channel})`) : next;
  }
  if (announcement.kind === 'demoting') {
    const isUndone = fence && fence.kind !== 'asking' && isSame(belief, announcement.server, fence.candidate);
    const where = formatEndpoint(announcement.server);
    return isUndone ? asking(belief, `${sentinel} makes ${where} a replica again`) : belief;
  }
  if (announcement.kind !== 'promoting' || belief.rules.failover !== 'promoted') return belief;
  // Only a failover away from the master we believe in concerns its sessions; anything else is a hint.
  if (!adopted || !isOfOurs(belief, sentinel, announcement.master, adopted)) return belief;
  const { candidate, isOrdered, isReachable } = announcement;
  if (isSame(belief, candidate, adopted.endpoint) || !belief.roster.includes(sentinel)) return belief;
  const untilMs = belief.nowMs + belief.rules.fenceMs;
  if (
    fence &&
    fence.kind !== 'asking' &&
    fence.by === sentinel &&
    isSame(belief, fence.candidate, candidate)
  ) {
    if (fence.kind === 'provisional') return belief;
    // Its order gives it the whole time anew; to say again what it has said does not, or a fence need never end.
    const ordered = isOrdered && !fence.isOrdered ? { isOrdered, untilMs, mostMs: untilMs } : {};
    return { ...belief, fence: { ...fence, isLinked: true, ...ordered } };
  }
  const isContested =
    fence !== undefined &&
    fence.kind !== 'asking' &&
    (fence.isContested || !isSame(belief, fence.candidate, candidate));
  const next: Fence = {
    kind: 'fenced',
    by: sentinel,
    candidate,
    isReachable,
    untilMs,
    mostMs: untilMs,
    isLinked: true,
    isContested,
    isOrdered,
  };
  return newGeneration({ ...abandoned(belief), fence: next });
}

/**
 * Whether the master that a Sentinel fails over is the one we believe in: by what is known of servers, or because it calls
 * its own master by that address, which may mean another server from here.
 */
function isOfOurs(belief: Belief, sentinel: string, master: Endpoint, adopted: Adopted): boolean {
  if (isSame(belief, master, adopted.endpoint)) return true;
  const answer = belief.reports.get(sentinel)?.answer;
  return answer?.kind === 'error' && answer.announced !== undefined && sameEndpoint(answer.announced, master);
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
  const next: Fence = { ...fence, kind: 'fenced', isLinked: false, untilMs, mostMs: untilMs };
  return newGeneration({ ...belief, fence: next });
}

/** Whether the latest answer of `sentinel` confirms the candidate of a fence. */
function confirmed(belief: Belief, sentinel: string): Belief {
  const { fence, adopted } = belief;
  const report = belief.reports.get(sentinel);
  if (!fence || fence.kind === 'asking' || report?.answer.kind !== 'address') return belief;
  const { endpoint, epoch } = report.answer;
  const isCandidate = isSame(belief, endpoint, fence.candidate);
  const isNewer = isNewerEpoch(epoch, adopted?.epoch);
  if (isCandidate && (isNewer || fence.by === sentinel)) {
    const spelling = fence.isReachable ? fence.candidate : endpoint;
    return concluded(belief, fence, { endpoint: spelling, epoch: epoch ?? adopted?.epoch, by: sentinel });
  }
  // A newer configuration that is neither the candidate nor the old master: the announced failover is not what happened.
  const isOther = !isCandidate && adopted && !isSame(belief, endpoint, adopted.endpoint);
  if (isNewer && isOther && isVouchedFor(belief, sentinel, endpoint)) {
    return moved({ ...abandoned(belief), fence: undefined }, { endpoint, epoch, by: sentinel });
  }
  return belief;
}

function probed(belief: Belief, endpoint: Endpoint, role: Role, generation: number): Belief {
  const { fence, adopted } = belief;
  if (generation !== belief.generation) return belief; // asked before the last fence or move
  if (fence && fence.kind !== 'asking') {
    if (!sameEndpoint(endpoint, fence.candidate)) return belief;
    if (fence.kind === 'fenced' && (role.kind === 'replica' || role.kind === 'active-replica')) {
      const former = withoutFormer(belief, endpoint);
      return former === belief.former ? belief : { ...belief, former };
    }
    // A former master may say so from before. It is served when it has become a master anew, or by a Sentinel's answer.
    const isBelieved = role.kind === 'master' && !isFormer(belief, endpoint);
    if (fence.kind === 'fenced' && fence.isLinked && !fence.isContested && isBelieved) {
      const untilMs = belief.nowMs + belief.rules.confirmMs;
      const mostMs = untilMs + belief.rules.lateMs;
      return { ...belief, role, fence: { ...fence, kind: 'provisional', untilMs, mostMs } };
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
  if (fence.kind === 'provisional' && isStillPromoting(belief, fence))
    return { ...belief, fence: { ...fence, untilMs: belief.nowMs + prolongMs } };
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

/** A provisional master whose failover goes on is looked at again after this, in milliseconds. */
const prolongMs = 250;

/**
 * Whether a provisional master may yet be confirmed after its time. To leave it only to come back would cut every client
 * twice more. Its leader says in each answer that the failover goes on (`SENTINEL MASTER`, flags); where all Sentinels are
 * late, it has had no time to say anything.
 */
function isStillPromoting(
  belief: Belief,
  { by, mostMs }: Fence & { kind: 'provisional' | 'fenced' },
): boolean {
  const { nowMs, rules } = belief;
  const report = belief.reports.get(by);
  const isAnswer = report?.answer.kind === 'address' && report.turn === belief.turn;
  // A leader hears of the promotion within a second: what it was asked before says nothing.
  const tellingMs = mostMs - rules.lateMs - rules.confirmMs / 2;
  if (isAnswer && isFresh(belief, report) && report.atMs - report.tookMs >= tellingMs)
    return report.answer.flags.includes('failover_in_progress');
  return nowMs < mostMs && latenessMs(belief) >= rules.replyMs;
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
  const { adopted, deposed, servers, nowMs, rules } = belief;
  if (!adopted || isSame(belief, adopted.endpoint, next.endpoint)) {
    return { deposed, former: withoutFormer(belief, next.endpoint) };
  }
  const former = withFormer(belief, adopted.endpoint);
  return {
    deposed: { endpoint: adopted.endpoint, untilMs: nowMs + rules.confirmMs },
    former: withoutFormer({ former, servers }, next.endpoint),
  };
}

/** A candidate that is given up may have been promoted all the same, and be demoted only later. */
function abandoned(belief: Belief): Belief {
  const { fence } = belief;
  return fence && fence.kind !== 'asking'
    ? { ...belief, former: withFormer(belief, fence.candidate) }
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
  return choice && isSame(belief, choice.endpoint, fence.candidate)
    ? concluded(belief, fence, choice)
    : belief;
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
  // Another spelling of the same server: its sessions stay, and the probe begins anew.
  if (adopted && isSame(belief, choice.endpoint, adopted.endpoint))
    return { ...settled, adopted: choice, role: undefined };
  // The first address of all needs a generation of its own as well: 0 is "nothing has ever been served".
  return moved(settled, choice);
}

function sameRole(a: Role, b: Role | undefined): boolean {
  return a.kind === b?.kind && ('why' in a ? a.why : '') === ('why' in b ? b.why : '');
}
