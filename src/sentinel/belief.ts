import { unreachable } from '../lifecycle/unreachable.ts';
import { formatEndpoint, sameEndpoint, type Endpoint } from '../net/endpoint.ts';
import { choose, isNewerEpoch, type Adopted, type Vote } from './choose.ts';
import type { Role } from './role.ts';
import type { Announcement, Answer } from './words.ts';

/** What the operator has decided about one database, and the times that follow from how Sentinel works. */
export interface Rules {
  readonly name: string;
  readonly failover: 'promoted' | 'announced';
  readonly onSentinelLoss: 'serve' | 'refuse';
  /** An answer older than this counts as none, in milliseconds. */
  readonly freshMs: number;
  /** A fence that leads to nothing is lifted after this, in milliseconds. */
  readonly fenceMs: number;
  /** A provisional master must be confirmed by an answer within this, in milliseconds. */
  readonly confirmMs: number;
}

/** The last answer of one Sentinel, and under which turn it had been asked. */
export interface Report {
  readonly answer: Answer;
  readonly turn: number;
  readonly atMs: number;
}

/**
 * A failover that has been announced and not yet been answered.
 *
 * `fenced`: the candidate is not known to be master. `provisional`: it said so by ROLE and is served.
 * `asking`: the failover came to nothing, or its master was not confirmed; the Sentinels are asked anew.
 */
export type Fence =
  | {
      readonly kind: 'fenced' | 'provisional';
      readonly by: string;
      readonly candidate: Endpoint;
      readonly untilMs: number;
      /** Whether the announcer can still be heard. If not, an abort would be missed: its answer has to come first. */
      readonly isLinked: boolean;
    }
  | { readonly kind: 'asking'; readonly why: string };

/** All that is believed of one master: a value that is never changed; `step` gives the next one. */
export interface Belief {
  readonly rules: Rules;
  /** The known Sentinels in order of preference, seeds first. */
  readonly roster: readonly string[];
  readonly reports: ReadonlyMap<string, Report>;
  /** Answers asked under an older turn are stale. */
  readonly turn: number;
  /** Sessions of another generation are cut. */
  readonly generation: number;
  readonly adopted: Adopted | undefined;
  /**
   * The master that was left last. Until the other Sentinels have had time to hear of the move, those that still name
   * it are behind: their majority leads back to it only under a newer epoch.
   */
  readonly deposed: { readonly endpoint: Endpoint; readonly untilMs: number } | undefined;
  readonly fence: Fence | undefined;
  /** The latest ROLE of the adopted endpoint; `undefined` until it has been asked. */
  readonly role: Role | undefined;
  /** Whether the loss of too many Sentinels forbids serving. */
  readonly isForbidden: boolean;
  /** Whether sessions may have been dialled under this generation. */
  readonly hasServed: boolean;
  readonly nowMs: number;
}

/** Everything that can happen to a belief. */
export type Word =
  | { readonly kind: 'rostered'; readonly roster: readonly string[] }
  | { readonly kind: 'answered'; readonly sentinel: string; readonly answer: Answer; readonly turn: number }
  | { readonly kind: 'announced'; readonly sentinel: string; readonly announcement: Announcement }
  /** The connection on which a Sentinel announces things has broken. */
  | { readonly kind: 'unlinked'; readonly sentinel: string }
  | { readonly kind: 'probed'; readonly endpoint: Endpoint; readonly role: Role; readonly generation: number }
  | { readonly kind: 'elapsed' };

export function newBelief(rules: Rules, roster: readonly string[], nowMs: number): Belief {
  return {
    rules,
    roster,
    reports: new Map(),
    turn: 0,
    generation: 0,
    adopted: undefined,
    deposed: undefined,
    fence: undefined,
    role: undefined,
    isForbidden: false,
    hasServed: false,
    nowMs,
  };
}

/** The next belief after one word. Pure: the same belief and the same word always give the same. */
export function step(before: Belief, word: Word, nowMs: number): Belief {
  const belief = nowMs > before.nowMs ? { ...before, nowMs } : before;
  const after = settle(heard(belief, word));
  return isUsable(after) && !after.hasServed ? { ...after, hasServed: true } : after;
}

function heard(belief: Belief, word: Word): Belief {
  switch (word.kind) {
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
      return confirmed(
        { ...belief, reports: new Map(belief.reports).set(word.sentinel, report) },
        word.sentinel,
      );
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
  const { candidate } = announcement;
  if (sameEndpoint(candidate, adopted.endpoint) || !belief.roster.includes(sentinel)) return belief;
  const untilMs = belief.nowMs + belief.rules.fenceMs;
  if (fence && fence.kind !== 'asking' && fence.by === sentinel && sameEndpoint(fence.candidate, candidate)) {
    return fence.kind === 'fenced' ? { ...belief, fence: { ...fence, untilMs, isLinked: true } } : belief;
  }
  const next: Fence = { kind: 'fenced', by: sentinel, candidate, untilMs, isLinked: true };
  return newGeneration({ ...belief, fence: next });
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
    return moved({ ...belief, fence: undefined }, { endpoint, epoch, by: sentinel });
  }
  return belief;
}

function probed(belief: Belief, endpoint: Endpoint, role: Role, generation: number): Belief {
  const { fence, adopted } = belief;
  if (generation !== belief.generation) return belief; // asked before the last fence or move
  if (fence && fence.kind !== 'asking') {
    if (!sameEndpoint(endpoint, fence.candidate)) return belief;
    if (fence.kind === 'fenced' && fence.isLinked && role.kind === 'master') {
      const untilMs = belief.nowMs + belief.rules.confirmMs;
      return { ...belief, fence: { ...fence, kind: 'provisional', untilMs } };
    }
    if (fence.kind === 'provisional' && role.kind === 'replica') {
      return asking(belief, `${formatEndpoint(endpoint)} became a replica again before it was confirmed`);
    }
    return belief;
  }
  if (!adopted || !sameEndpoint(endpoint, adopted.endpoint)) return belief;
  return sameRole(role, belief.role) ? belief : { ...belief, role };
}

/** Ends a fence with its candidate: sessions that it already has stay. */
function concluded(belief: Belief, fence: Fence, adopted: Adopted): Belief {
  const role: Role | undefined = fence.kind === 'provisional' ? { kind: 'master' } : undefined;
  return { ...belief, fence: undefined, role, adopted, deposed: deposedBy(belief, adopted) };
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
  const next: Belief = { ...belief, fence: { kind: 'asking', why }, role: undefined };
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
  return { ...newGeneration(belief), adopted, deposed: deposedBy(belief, adopted) };
}

function deposedBy({ adopted, deposed, nowMs, rules }: Belief, next: Adopted): Belief['deposed'] {
  if (!adopted || sameEndpoint(adopted.endpoint, next.endpoint)) return deposed;
  return { endpoint: adopted.endpoint, untilMs: nowMs + rules.confirmMs };
}

/** Draws what follows from the votes: adoption, and whether serving is forbidden. */
function settle(belief: Belief): Belief {
  const after = belief.fence && belief.fence.kind !== 'asking' ? fencedVotes(belief) : adopt(belief);
  const isForbidden =
    after.rules.onSentinelLoss === 'refuse' &&
    after.adopted !== undefined &&
    answering(after) * 2 <= reporting(after);
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

/**
 * Whether enough has been answered to choose where nothing is adopted, or after a fence: one address has a majority,
 * or there is nobody left to wait for. The first answer alone may be that of a stale minority.
 */
function isDecided(belief: Belief, counted: readonly Vote[]): boolean {
  const perAddress = new Map<string, number>();
  for (const { endpoint } of counted) {
    const key = formatEndpoint(endpoint);
    perAddress.set(key, (perAddress.get(key) ?? 0) + 1);
  }
  const isMajority = [...perAddress.values()].some((number) => number * 2 > knowing(belief));
  const isAwaited = belief.roster.some((sentinel) => {
    const report = belief.reports.get(sentinel);
    return !report || (report.turn < belief.turn && report.answer.kind === 'address');
  });
  // Only a majority can have given a newer epoch: one voice with it is enough.
  const isNewer = counted.some(({ epoch }) => isNewerEpoch(epoch, belief.adopted?.epoch));
  return isMajority || isNewer || !isAwaited;
}

function votes(belief: Belief): readonly Vote[] {
  return belief.roster.flatMap((sentinel) => {
    const report = belief.reports.get(sentinel);
    if (report?.answer.kind !== 'address' || report.turn < belief.turn || !isFresh(belief, report)) return [];
    const { endpoint, epoch } = report.answer;
    return isBehind(belief, endpoint, epoch) ? [] : [{ sentinel, endpoint, epoch }];
  });
}

function isBehind(belief: Belief, endpoint: Endpoint, epoch: number | undefined): boolean {
  const { deposed, adopted, nowMs } = belief;
  if (!deposed || nowMs >= deposed.untilMs || !sameEndpoint(endpoint, deposed.endpoint)) return false;
  return !isNewerEpoch(epoch, adopted?.epoch);
}

/** Sentinels whose latest word, an address, is fresh, whenever it was asked. */
export function answering(belief: Belief): number {
  return freshReports(belief).length;
}

/** Sentinels whose fresh word is the address that is believed. */
export function agreeing(belief: Belief): number {
  const { fence, adopted } = belief;
  const believed = fence && fence.kind !== 'asking' ? fence.candidate : adopted?.endpoint;
  if (!believed) return 0;
  return freshReports(belief).filter(
    ({ answer }) => answer.kind === 'address' && sameEndpoint(answer.endpoint, believed),
  ).length;
}

/** Sentinels that could know this master: all but those that say they do not monitor it. */
export function knowing(belief: Belief): number {
  return belief.roster.filter((sentinel) => belief.reports.get(sentinel)?.answer.kind !== 'unknown').length;
}

/** Those of `knowing` that have answered or failed to: one that was learnt just now is not missing yet. */
export function reporting(belief: Belief): number {
  return belief.roster.filter(
    (sentinel) => (belief.reports.get(sentinel)?.answer.kind ?? 'unknown') !== 'unknown',
  ).length;
}

function freshReports(belief: Belief): readonly Report[] {
  return [...belief.reports.values()].filter(
    (report) => report.answer.kind === 'address' && isFresh(belief, report),
  );
}

function isFresh(belief: Belief, report: Report): boolean {
  return belief.nowMs - report.atMs < belief.rules.freshMs;
}

/** Whether this belief lets sessions through. */
export function isUsable({ fence, adopted, role, isForbidden }: Belief): boolean {
  if (isForbidden) return false;
  if (fence) return fence.kind === 'provisional';
  return adopted !== undefined && (role?.kind === 'master' || role?.kind === 'unverifiable');
}

/** When `elapsed` has something to do next, in milliseconds on the belief's clock; `Infinity` for never. */
export function nextDeadline({ fence }: Belief): number {
  return fence && fence.kind !== 'asking' ? fence.untilMs : Infinity;
}

function sameRole(a: Role, b: Role | undefined): boolean {
  return a.kind === b?.kind && ('why' in a ? a.why : '') === ('why' in b ? b.why : '');
}
