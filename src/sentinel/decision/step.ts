import { unreachable } from '../../lifecycle/unreachable.ts';
import { sameEndpoint, type Endpoint } from '../../net/endpoint.ts';
import type { Role } from '../../redis/role.ts';
import type { Answer } from '../links/answer.ts';
import { isUsable, withRole, type Belief, type BeliefEvent, type Report } from './belief.ts';
import { choose } from './vote-order.ts';
import {
  announced,
  confirmed,
  confirmedByVotes,
  elapsed,
  openFence,
  probedCandidate,
  unsubscribed,
} from './fence.ts';
import { moved, newGeneration } from './generation.ts';
import { isKnownToBeStrange, recognized, withPeerList } from './identity.ts';
import { withAddresses, withRunId } from './servers.ts';
import {
  answering,
  isDecided,
  isFresh,
  isOutrun,
  isSame,
  knowing,
  reporting,
  speakersOf,
  unheard,
  votes,
} from './tally.ts';

/** @returns the next belief after one event. Pure: the same belief and the same event always give the same */
export function step(before: Belief, event: BeliefEvent, nowMs: number): Belief {
  const belief = nowMs > before.nowMs ? { ...before, nowMs } : before;
  const after = settled(handled(belief, event));
  if (!isUsable(after)) return after;
  return after.hasServed && !after.setback ? after : { ...after, hasServed: true, setback: undefined };
}

function handled(belief: Belief, event: BeliefEvent): Belief {
  switch (event.kind) {
    case 'rules-changed':
      return { ...belief, rules: event.rules };
    case 'seeds-added': {
      const pending = belief.addedSeeds.filter((each) => !belief.reports.has(each));
      return { ...belief, addedSeeds: [...pending, ...event.sentinels] };
    }
    case 'roster-changed': {
      const { sentinels, seeds } = event.roster;
      const reports = new Map([...belief.reports].filter(([sentinel]) => sentinels.includes(sentinel)));
      const next = recognize({ ...belief, roster: sentinels, seeds: new Set(seeds), reports });
      const by = openFence(belief)?.by;
      return by === undefined || sentinels.includes(by) ? next : unsubscribed(next, by);
    }
    case 'answered':
      return belief.roster.includes(event.sentinel) ? answered(belief, event) : belief;
    case 'peers-listed':
      return recognize({ ...belief, identities: withPeerList(belief.identities, event.list) });
    case 'resolved':
      return { ...belief, servers: withAddresses(belief.servers, event.host, event.addresses) };
    case 'announced':
      return isFromStranger(belief, event) ? belief : announced(belief, event.sentinel, event.announcement);
    case 'unsubscribed':
      return unsubscribed(belief, event.sentinel);
    case 'probed':
      return probed(belief, event.endpoint, event.role, event.generation);
    case 'elapsed':
      return elapsed(belief);
    default:
      return unreachable(event);
  }
}

function answered(belief: Belief, event: BeliefEvent & { kind: 'answered' }): Belief {
  const { sentinel, answer, round, tookMs } = event;
  const before = belief.reports.get(sentinel);
  // A failure to answer counts whatever its round; an address of an older round does not.
  if (round < belief.round && answer.kind === 'address') return belief;
  const hasAnswered = answer.kind !== 'unreachable';
  const report: Report = {
    ...{ answer, round, atMs: belief.nowMs, tookMs, id: event.id ?? before?.id },
    hasAnswered: hasAnswered || before?.hasAnswered === true,
  };
  // While an answer is late, the one before it counts as long as it is fresh.
  const isBeforeValid =
    before?.answer.kind === 'address' && before.round === belief.round && isFresh(belief, before);
  const reports =
    isLate(answer) && isBeforeValid ? belief.reports : new Map(belief.reports).set(sentinel, report);
  const next = recognize({ ...belief, reports });
  if (next.identities.strangers.has(sentinel)) return next;
  // An announcer that does not answer may be frozen, and then its announcements would not come either. If no other
  // Sentinel answers sooner, all of them are busy.
  const isFrozen = answer.kind === 'unreachable' && (!isLate(answer) || isOutrun(next, sentinel, tookMs));
  return isFrozen ? unsubscribed(next, sentinel) : confirmed(next, sentinel);
}

function isLate(answer: Answer): boolean {
  return answer.kind === 'unreachable' && answer.isLate === true;
}

/** Decides who has a vote, and learns what the voters know of servers. */
function recognize(belief: Belief): Belief {
  const isFounded = belief.adopted !== undefined;
  const identities = recognized(belief.identities, speakersOf(belief), isFounded, belief.nowMs);
  let { servers } = belief;
  for (const [sentinel, { id, answer }] of belief.reports) {
    if (id === undefined || identities.strangers.has(sentinel)) continue;
    if (answer.kind === 'address' && answer.runId !== undefined)
      servers = withRunId(servers, answer.endpoint, answer.runId);
    for (const { endpoint, runId } of identities.peerLists.get(id)?.servers ?? [])
      if (runId !== undefined) servers = withRunId(servers, endpoint, runId);
  }
  return { ...belief, identities, servers };
}

/** The subscription may lead to another Sentinel than the queries. */
function isFromStranger(
  { identities, reports }: Belief,
  { sentinel, id }: BeliefEvent & { kind: 'announced' },
): boolean {
  if (identities.strangers.has(sentinel)) return true;
  return id !== undefined && reports.get(sentinel)?.id !== id && isKnownToBeStrange(identities, id);
}

function probed(belief: Belief, endpoint: Endpoint, role: Role, generation: number): Belief {
  if (generation !== belief.generation) return belief; // the probe began before the last fence or move
  const fence = openFence(belief);
  const expected = fence?.candidate ?? belief.adopted?.endpoint;
  if (!expected || !sameEndpoint(endpoint, expected)) return belief;
  return fence ? probedCandidate(belief, fence, role) : withRole(belief, role);
}

/** Draws what follows from the votes: the adopted master, and whether serving is forbidden. */
function settled(belief: Belief): Belief {
  const after = openFence(belief) ? confirmedByVotes(belief) : adopt(belief);
  // Seeds that were just added are not missing: while they may still answer, nothing ends because of them.
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

function adopt(belief: Belief): Belief {
  const counted = votes(belief);
  const { adopted, fence } = belief;
  if ((!adopted || fence) && !isDecided(belief, counted)) return belief;
  const choice = choose(counted, adopted, knowing(belief));
  if (!choice || (fence && counted.length === 0)) return belief;
  const next: Belief = fence ? { ...belief, fence: undefined } : belief;
  if (choice === adopted) return next;
  if (adopted && sameEndpoint(choice.endpoint, adopted.endpoint)) return { ...next, adopted: choice };
  // Another spelling of the same server: connections stay, and the probe starts again.
  if (adopted && isSame(belief, choice.endpoint, adopted.endpoint))
    return { ...next, adopted: choice, role: undefined };
  // The first address needs a generation of its own as well: 0 means that nothing has been served yet.
  return moved(next, choice);
}
