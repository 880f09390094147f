import { formatEndpoint, sameEndpoint, type Endpoint } from '../net/endpoint.ts';
import type { Belief, Report } from './belief.ts';
import { isNewerEpoch, type Vote } from './choose.ts';

/**
 * Whether enough has been answered to choose where nothing is adopted, or after a fence: one address has a majority,
 * or there is nobody left to wait for. The first answer alone may be that of a stale minority.
 */
export function isDecided(belief: Belief, counted: readonly Vote[]): boolean {
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

/** The fresh words that count, in order of preference. */
export function votes(belief: Belief): readonly Vote[] {
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

/** Those that were configured while it runs, have said nothing at all yet, and may still answer. */
export function unheard({ roster, reports, configured }: Belief): number {
  return configured.filter((sentinel) => roster.includes(sentinel) && !reports.has(sentinel)).length;
}

function freshReports(belief: Belief): readonly Report[] {
  return [...belief.reports.values()].filter(
    (report) => report.answer.kind === 'address' && isFresh(belief, report),
  );
}

function isFresh(belief: Belief, report: Report): boolean {
  return belief.nowMs - report.atMs < belief.rules.freshMs;
}
