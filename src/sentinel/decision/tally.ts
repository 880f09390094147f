import { isIP } from 'node:net';
import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import type { Belief, Report } from './belief.ts';
import { isNewerEpoch, type Vote } from './vote-order.ts';
import { isAmbiguous, type Speaker } from './identity.ts';
import { isSameServer, withOneSpelling } from './servers.ts';

/** The Sentinels that have a vote, in order of preference: the roster without strangers. */
export function voters({ roster, identities }: Belief): readonly string[] {
  return identities.strangers.size === 0
    ? roster
    : roster.filter((sentinel) => !identities.strangers.has(sentinel));
}

/** The whole roster, with the last answer of each. */
export function speakersOf(belief: Belief): readonly Speaker[] {
  const { roster, seeds, reports, adopted } = belief;
  return roster.map((sentinel) => {
    const report = reports.get(sentinel);
    const answer = report?.answer;
    const master = answer?.kind === 'address' ? formatEndpoint(answer.endpoint) : undefined;
    const isAnswering =
      master !== undefined || answer?.kind === 'unknown' || (answer?.kind === 'unreachable' && answer.isLate);
    return {
      ...{ sentinel, isSeed: seeds.has(sentinel), id: report?.id, master },
      runId: answer?.kind === 'address' ? answer.runId : undefined,
      isOfOurs:
        adopted !== undefined &&
        answer?.kind === 'address' &&
        isSame(belief, answer.endpoint, adopted.endpoint),
      isAnswering: isAnswering === true,
      hasAnswered: report?.hasAnswered === true,
    };
  });
}

/** Whether two endpoints are one server, by everything that is known. */
export function isSame({ servers }: Belief, a: Endpoint, b: Endpoint): boolean {
  return isSameServer(servers, a, b);
}

/**
 * How late the fastest voter is, in milliseconds; 0 where none is waited for. If all of them are late, they are busy, or this
 * process is.
 */
export function latenessMs(belief: Belief): number {
  const took = voters(belief).flatMap((sentinel) => {
    const report = belief.reports.get(sentinel);
    const counts = report?.answer.kind === 'address' ? isFresh(belief, report) : isLate(report);
    return counts ? (report?.tookMs ?? []) : [];
  });
  return took.length === 0 ? 0 : Math.min(...took);
}

/**
 * Whether another Sentinel has answered sooner while this one was waited for: then this one is in trouble, and not busy like
 * all of them.
 *
 * @param waitedMs how long it has been waited for, in milliseconds
 */
export function isOutrun(belief: Belief, sentinel: string, waitedMs: number): boolean {
  return voters(belief).some((other) => {
    const report = other === sentinel ? undefined : belief.reports.get(other);
    if (report?.answer.kind !== 'address' || report.round < belief.round) return false;
    return report.tookMs < waitedMs && report.atMs >= belief.nowMs - waitedMs;
  });
}

function isLate(report: Report | undefined): boolean {
  return report?.answer.kind === 'unreachable' && report.answer.isLate === true;
}

/**
 * Whether there are enough answers to choose, where nothing is adopted or after a fence: one address has a majority, or no
 * other answer is awaited. The first answer alone may come from a stale minority.
 */
export function isDecided(belief: Belief, counted: readonly Vote[]): boolean {
  const perAddress = new Map<string, number>();
  for (const { endpoint } of counted) {
    const key = formatEndpoint(endpoint);
    perAddress.set(key, (perAddress.get(key) ?? 0) + 1);
  }
  const isMajority = [...perAddress.values()].some((number) => number * 2 > knowing(belief));
  const isAwaited = voters(belief).some((sentinel) => {
    const report = belief.reports.get(sentinel);
    return !report || (report.round < belief.round && report.answer.kind === 'address');
  });
  // Only a majority can create a newer epoch, so one vote with it is enough. Not for the adopted address: a leader that is
  // reset during its failover names the old master under the new epoch (redis 7.0.15, sentinel.c, sentinelResetMaster).
  const { adopted } = belief;
  const isNewer = counted.some(
    ({ endpoint, epoch }) =>
      adopted && isNewerEpoch(epoch, adopted.epoch) && !isSame(belief, endpoint, adopted.endpoint),
  );
  if (!belief.adopted && isAmbiguous(belief.identities, speakersOf(belief))) return false;
  return isMajority || isNewer || !isAwaited;
}

/** The fresh answers of the voters, in order of preference, with one spelling for each server. */
export function votes(belief: Belief): readonly Vote[] {
  const { fence, adopted, role, servers } = belief;
  const counted = voters(belief).flatMap((sentinel) => {
    const report = belief.reports.get(sentinel);
    if (report?.answer.kind !== 'address' || report.round < belief.round || !isFresh(belief, report))
      return [];
    const { endpoint, epoch } = report.answer;
    return isBehind(belief, endpoint, epoch) ? [] : [{ sentinel, endpoint, epoch }];
  });
  const vouched = counted.map((vote) =>
    isVouchedFor(belief, vote.sentinel, vote.endpoint) ? vote : { ...vote, epoch: undefined },
  );
  const candidate = fence && fence.kind !== 'asking' ? [fence.candidate] : [];
  if (!adopted) return withOneSpelling(servers, vouched, candidate);
  // A host name without a route from here gives way to another spelling of the same server.
  const isAstray = isIP(adopted.endpoint.host) === 0 && role?.kind === 'unusable' && role.isAstray === true;
  return isAstray
    ? withOneSpelling(servers, vouched, candidate, adopted.endpoint)
    : withOneSpelling(servers, vouched, [...candidate, adopted.endpoint]);
}

/**
 * Whether a newer epoch of one Sentinel is evidence: after a real failover the other Sentinels know the new master as one of
 * their servers. Otherwise a majority has to name it.
 */
export function isVouchedFor(belief: Belief, sentinel: string, endpoint: Endpoint): boolean {
  const { adopted, identities, reports } = belief;
  if (!adopted || isSame(belief, endpoint, adopted.endpoint)) return true;
  const known = voters(belief);
  const naming = known.filter((other) => {
    const answer = reports.get(other)?.answer;
    return answer?.kind === 'address' && isSame(belief, answer.endpoint, endpoint);
  });
  if (naming.length * 2 > known.length) return true;
  const servers = known.flatMap((other) => {
    const id = reports.get(other)?.id;
    return other === sentinel || id === undefined ? [] : (identities.peerLists.get(id)?.servers ?? []);
  });
  return servers.length === 0 || servers.some((server) => isSame(belief, server.endpoint, endpoint));
}

function isBehind(belief: Belief, endpoint: Endpoint, epoch: number | undefined): boolean {
  const { previous, adopted, nowMs } = belief;
  if (!previous || nowMs >= previous.untilMs || !isSame(belief, endpoint, previous.endpoint)) return false;
  return !isNewerEpoch(epoch, adopted?.epoch);
}

/** How many Sentinels have answered with an address that is fresh, in whatever round. */
export function answering(belief: Belief): number {
  return freshReports(belief).length;
}

/** How many of these have answered with the believed address. */
export function agreeing(belief: Belief): number {
  const { fence, adopted } = belief;
  const believed = fence && fence.kind !== 'asking' ? fence.candidate : adopted?.endpoint;
  if (!believed) return 0;
  return freshReports(belief).filter(
    ({ answer }) => answer.kind === 'address' && isSame(belief, answer.endpoint, believed),
  ).length;
}

/** How many Sentinels may know this master: all but those that answer that they do not monitor it. */
export function knowing(belief: Belief): number {
  return voters(belief).filter((sentinel) => belief.reports.get(sentinel)?.answer.kind !== 'unknown').length;
}

/** How many of `knowing` have answered or failed to: one that was just learnt is not missing yet. */
export function reporting(belief: Belief): number {
  return voters(belief).filter(
    (sentinel) => (belief.reports.get(sentinel)?.answer.kind ?? 'unknown') !== 'unknown',
  ).length;
}

/** How many seeds that a reload added have not been heard yet, and may still answer. */
export function unheard({ roster, reports, addedSeeds }: Belief): number {
  return addedSeeds.filter((sentinel) => roster.includes(sentinel) && !reports.has(sentinel)).length;
}

function freshReports(belief: Belief): readonly Report[] {
  return voters(belief).flatMap((sentinel) => {
    const report = belief.reports.get(sentinel);
    return report?.answer.kind === 'address' && isFresh(belief, report) ? [report] : [];
  });
}

/** Whether an answer is recent enough to count. The next answer of a slow Sentinel is due later. */
export function isFresh({ nowMs, rules }: Belief, { atMs, tookMs }: Report): boolean {
  return nowMs - atMs < rules.freshMs + tookMs;
}
