import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import type { Role } from '../../redis/role.ts';
import { isUsable, servedBy, type Belief } from './belief.ts';
import type { Adopted } from './vote-order.ts';
import { agreeing, answering, isFresh, isSame, knowing, latenessMs, voters } from './tally.ts';

/** What is believed about one master now. Frozen, and printed as it is; a new object only where something has changed. */
export interface MasterView {
  /** The master name in Sentinel. */
  readonly name: string;
  /**
   * Grows whenever earlier connections must not go on: at a fence and at a move. Connections of another generation are cut.
   * It never decreases.
   */
  readonly generation: number;
  readonly phase: Phase;
  /** The configuration epoch of the adopted answer, where we may read it. */
  readonly epoch: number | undefined;
  /** How many Sentinels have a vote, how many of them have a fresh answer, and how many of these name the adopted address. */
  readonly sentinels: { readonly known: number; readonly answering: number; readonly agreeing: number };
  /** The Sentinels that name another server than the served one, by whatever address; each as `host:port`. */
  readonly dissenting: readonly string[];
  /** The Sentinels that belong to another deployment: they have no vote. */
  readonly strangers: readonly Stranger[];
  /** What is wrong although clients are served; empty if nothing is. */
  readonly degraded: readonly string[];
}

/** A Sentinel that none of the others knows, at an address that belonged, or should belong, to one of ours. */
export interface Stranger {
  /** `host:port` */
  readonly sentinel: string;
  /** Its run id, where it tells it. */
  readonly id: string | undefined;
  /** Its address of the master. */
  readonly names: Endpoint;
}

/** Whether clients are served, and why not. */
export type Phase =
  /** No master is known: no Sentinel has answered, or none knows the name, or the first address is being verified. */
  | {
      readonly kind: 'unknown';
      readonly reason: string;
      /** Whether all Sentinels have answered or failed to, and none names a master. */
      readonly isMissing: boolean;
      /** Whether the Sentinels that answer do not know the name: then the name is wrong. */
      readonly isNameUnknown?: boolean;
    }
  | { readonly kind: 'serving'; readonly endpoint: Endpoint; readonly standing: Standing }
  /** A failover has begun, or the address has moved and the new one is not verified yet. Connections are cut, clients wait. */
  | { readonly kind: 'fenced'; readonly reason: string; readonly candidate: Endpoint | undefined }
  /** Sentinel names `named`, or it was announced and promoted, but it cannot be used: refused, silent, a replica. New clients wait. */
  | { readonly kind: 'lost'; readonly reason: string; readonly named: Endpoint }
  /** The configuration forbids to serve while too few Sentinels answer. New clients are refused. */
  | { readonly kind: 'forbidden'; readonly reason: string };

/** `confirmed`: Sentinel answers with this address. `provisional`: announced and verified by ROLE, not answered yet. */
export type Standing = 'confirmed' | 'provisional';

/** @returns the printable form of a belief; `before` where nothing that shows has changed */
export function viewOf(belief: Belief, before?: MasterView): MasterView {
  const view: MasterView = Object.freeze({
    name: belief.rules.name,
    generation: belief.generation,
    phase: Object.freeze(phaseOf(belief)),
    epoch: belief.adopted?.epoch,
    sentinels: Object.freeze({
      known: voters(belief).length,
      answering: answering(belief),
      agreeing: agreeing(belief),
    }),
    dissenting: Object.freeze(dissenting(belief)),
    strangers: Object.freeze(strangersOf(belief)),
    degraded: Object.freeze(degradedBy(belief)),
  });
  return before && JSON.stringify(before) === JSON.stringify(view) ? before : view;
}

function phaseOf(belief: Belief): Phase {
  const { fence, adopted, role, rules } = belief;
  if (belief.isForbidden) {
    return {
      kind: 'forbidden',
      reason: `only ${String(answering(belief))} of ${String(knowing(belief))} Sentinels answer, and serving without a majority of them is forbidden`,
    };
  }
  if (fence?.kind === 'fenced') {
    const since = fence.isSubscribed ? '' : '; the subscription to that Sentinel has ended';
    const against = fence.isContested ? '; another Sentinel leads another failover' : '';
    const reason = `a failover to ${formatEndpoint(fence.candidate)} has begun, announced by ${fence.by}${against}${since}`;
    return { kind: 'fenced', reason, candidate: fence.candidate };
  }
  if (fence?.kind === 'provisional') {
    if (role?.kind === 'unusable') {
      const where = formatEndpoint(fence.candidate);
      const reason = `${where} was announced by ${fence.by} and promoted, but cannot be used: ${role.why}`;
      return { kind: 'lost', reason, named: fence.candidate };
    }
    return { kind: 'serving', endpoint: fence.candidate, standing: 'provisional' };
  }
  if (!adopted) return { kind: 'unknown', ...whyUnknown(belief) };
  if (fence?.kind === 'asking') {
    return { kind: 'lost', reason: `${fence.why}; asking the Sentinels again`, named: adopted.endpoint };
  }
  if (isUsable(belief)) return { kind: 'serving', endpoint: adopted.endpoint, standing: 'confirmed' };
  if (role) {
    const reason = `${whyUnusable(belief, adopted, role)}${whyNoFailover(belief)}${whyNotReplaced(belief)}`;
    return { kind: 'lost', reason, named: adopted.endpoint };
  }
  const reason = `verifying ${formatEndpoint(adopted.endpoint)}, the master of "${rules.name}" named by ${adopted.by}`;
  return belief.generation <= 1
    ? { kind: 'unknown', reason, isMissing: false }
    : { kind: 'fenced', reason, candidate: adopted.endpoint };
}

/** The Sentinel client guidelines ask to tell two cases apart: no Sentinel answers, and none that answers knows the name. */
function whyUnknown(belief: Belief): { reason: string; isMissing: boolean; isNameUnknown?: boolean } {
  const { name } = belief.rules;
  const said = voters(belief).map((sentinel) => ({ sentinel, answer: belief.reports.get(sentinel)?.answer }));
  const unknown = said.filter(({ answer }) => answer?.kind === 'unknown').length;
  const troubles = said.flatMap(({ sentinel, answer }) =>
    answer?.kind === 'error' || answer?.kind === 'unreachable' ? [`${sentinel}: ${answer.text}`] : [],
  );
  const trouble = troubles.length === 0 ? '' : ` (${troubles.slice(0, 3).join('; ')})`;
  if (unknown > 0 && unknown + troubles.length === said.length) {
    const reason =
      troubles.length === 0
        ? `no Sentinel monitors "${name}"`
        : `no Sentinel that answers monitors "${name}"${trouble}`;
    return { reason, isMissing: true, isNameUnknown: true };
  }
  if (said.length > 0 && troubles.length === said.length)
    return { reason: `no Sentinel gives an answer${trouble}`, isMissing: true };
  return { reason: `asking the Sentinels for "${name}"`, isMissing: false };
}

/** Quotes a Sentinel that still names the address, if there is one. */
function whyUnusable(belief: Belief, { endpoint, by }: Adopted, role: Role): string {
  const { hasServed } = belief;
  const where = formatEndpoint(endpoint);
  const speaker = [by, ...voters(belief)].find((sentinel) => {
    const report = belief.reports.get(sentinel);
    if (report?.answer.kind !== 'address' || !isFresh(belief, report)) return false;
    return isSame(belief, report.answer.endpoint, endpoint);
  });
  const named = speaker === undefined ? `${where}, last named by ${by},` : `${speaker} names ${where}, which`;
  if (role.kind === 'replica') return `${named} says it is a replica`;
  const reason = `${named} cannot be used: ${'why' in role ? role.why : role.kind}`;
  // An address that has been served is the right one from here.
  if (hasServed || role.kind !== 'unusable' || !role.isAstray) return reason;
  return `${reason}; if it has another address from here (NAT, containers), write that into addressMap`;
}

/** Why no failover will begin: a leader needs the votes of a majority of the known Sentinels (redis 7.0.15, sentinel.c, sentinelGetLeader). */
function whyNoFailover(belief: Belief): string {
  const { reports } = belief;
  const known = voters(belief);
  const answers = answering(belief);
  const areHeard = known.every((sentinel) => reports.has(sentinel));
  if (!areHeard || answers * 2 > known.length) return '';
  return `; only ${String(answers)} of ${String(known.length)} Sentinels answer, too few for a failover`;
}

/** What the aborts of failovers mean (redis 7.0.15, sentinel.c). */
const setbacks: Readonly<Record<string, string>> = {
  '-failover-abort-no-good-slave': 'no replica can be promoted',
  '-failover-abort-not-elected': 'the Sentinel that began it was not elected to lead it',
  '-failover-abort-slave-timeout': 'the replica that was chosen was not promoted in time',
  '-failover-abort-master-timeout': 'the master could not be ordered to hand over in time',
};

function whyNotReplaced({ setback }: Belief): string {
  if (!setback) return '';
  const { by, channel } = setback;
  return `; the last failover was aborted by ${by}: ${setbacks[channel] ?? channel} (${channel})`;
}

function dissenting(belief: Belief): readonly string[] {
  const served = servedBy(belief);
  if (!served) return [];
  return belief.roster.filter((sentinel) => {
    const answer = belief.reports.get(sentinel)?.answer;
    return answer?.kind === 'address' && !isSame(belief, answer.endpoint, served);
  });
}

/** A stranger is reported once the others have had time to list it: they hear of each other every 2 s (redis 7.0.15, sentinel.c, SENTINEL_PUBLISH_PERIOD); in milliseconds. */
const newcomerMs = 3_000;

function strangersOf({ identities, reports, nowMs }: Belief): readonly Stranger[] {
  return [...identities.strangers].flatMap(([sentinel, sinceMs]) => {
    const report = reports.get(sentinel);
    if (nowMs - sinceMs < newcomerMs || report?.answer.kind !== 'address') return [];
    return [{ sentinel, id: report.id, names: report.answer.endpoint }];
  });
}

function degradedBy(belief: Belief): readonly string[] {
  const { adopted, fence } = belief;
  if (!adopted || !isUsable(belief) || fence) return [];
  const reasons: string[] = [];
  const known = voters(belief);
  const heard = known.filter((sentinel) => belief.reports.has(sentinel)).length;
  const answers = answering(belief);
  if (answers === 0 && heard > 0) {
    const isUnmonitored = knowing(belief) === 0;
    reasons.push(
      isUnmonitored ? `no Sentinel monitors "${belief.rules.name}" any more` : 'no Sentinel answers',
    );
  } else if (heard === known.length && answers * 2 <= known.length) {
    reasons.push(`only ${String(answers)} of ${String(known.length)} Sentinels answer`);
  }
  if (latenessMs(belief) > belief.rules.replyMs) reasons.push('all Sentinels answer late');
  for (const sentinel of dissenting(belief)) {
    const answer = belief.reports.get(sentinel)?.answer;
    if (answer?.kind === 'address' && known.includes(sentinel))
      reasons.push(`${sentinel} names ${formatEndpoint(answer.endpoint)}`);
  }
  for (const { sentinel, names } of strangersOf(belief))
    reasons.push(`${sentinel} belongs to another deployment, and names ${formatEndpoint(names)}`);
  if (belief.role?.kind === 'unverifiable') reasons.push(`its role cannot be verified: ${belief.role.why}`);
  return reasons;
}

/** A server that the Sentinels list as a replica, but its master does not. */
export interface AbsentServer {
  readonly endpoint: Endpoint;
  /** `down`: the Sentinels say so. `apart`: it is up, but does not replicate from the master. */
  readonly state: 'down' | 'apart';
}

/**
 * The known servers that are missing. They are shown to people; nothing is decided by them.
 *
 * @param connected the replicas that the master lists; `undefined` where it does not
 */
export function absentServers(
  belief: Belief,
  connected: readonly Endpoint[] | undefined,
): readonly AbsentServer[] {
  const { adopted, fence, identities, reports } = belief;
  if (!adopted || fence || !connected) return [];
  const present = [adopted.endpoint, ...connected];
  const absent = new Map<string, AbsentServer>();
  for (const sentinel of voters(belief)) {
    const id = reports.get(sentinel)?.id;
    for (const { endpoint, isUp } of identities.peerLists.get(id ?? sentinel)?.servers ?? []) {
      if (present.some((each) => isSame(belief, each, endpoint))) continue;
      const known = [...absent.values()].find((each) => isSame(belief, each.endpoint, endpoint));
      const key = formatEndpoint(known?.endpoint ?? endpoint);
      // One Sentinel that reaches it is enough: the others are cut off from it.
      const state = isUp || known?.state === 'apart' ? 'apart' : 'down';
      absent.set(key, { endpoint: known?.endpoint ?? endpoint, state });
    }
  }
  return [...absent.values()];
}
