import { formatEndpoint, sameEndpoint } from '../net/endpoint.ts';
import { isUsable, type Belief } from './belief.ts';
import type { Adopted } from './choose.ts';
import { agreeing, answering, knowing } from './tally.ts';
import type { Role } from './role.ts';
import type { MasterView, Phase } from './view.ts';

/** The printable form of a belief. Pure; `before` comes back where nothing that shows has changed. */
export function viewOf(belief: Belief, before?: MasterView): MasterView {
  const view: MasterView = Object.freeze({
    name: belief.rules.name,
    generation: belief.generation,
    phase: Object.freeze(phaseOf(belief)),
    epoch: belief.adopted?.epoch,
    sentinels: Object.freeze({
      known: belief.roster.length,
      answering: answering(belief),
      agreeing: agreeing(belief),
    }),
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
    const since = fence.isLinked ? '' : ', which cannot be heard any more';
    const against = fence.isContested ? ', while another Sentinel leads another one' : '';
    const reason = `a failover to ${formatEndpoint(fence.candidate)} has begun, announced by ${fence.by}${against}${since}`;
    return { kind: 'fenced', reason, candidate: fence.candidate };
  }
  if (fence?.kind === 'provisional') {
    if (role?.kind === 'unusable') {
      const where = formatEndpoint(fence.candidate);
      const reason = `${fence.by} has announced ${where}, which has been promoted and cannot be used: ${role.why}`;
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
    const reason = `${whyUnusable(belief, adopted, role)}${whyNoFailover(belief)}`;
    return { kind: 'lost', reason, named: adopted.endpoint };
  }
  const reason = `verifying ${formatEndpoint(adopted.endpoint)}, the master of "${rules.name}" by the word of ${adopted.by}`;
  return belief.generation <= 1
    ? { kind: 'unknown', reason, isMissing: false }
    : { kind: 'fenced', reason, candidate: adopted.endpoint };
}

/** The two cases that the Sentinel client guidelines ask to tell apart, and what lies between them. */
function whyUnknown(belief: Belief): { reason: string; isMissing: boolean } {
  const { name } = belief.rules;
  const said = belief.roster.map((sentinel) => ({ sentinel, answer: belief.reports.get(sentinel)?.answer }));
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
    return { reason, isMissing: true };
  }
  if (said.length > 0 && troubles.length === said.length)
    return { reason: `no Sentinel gives an answer${trouble}`, isMissing: true };
  return { reason: `asking the Sentinels for "${name}"`, isMissing: false };
}

function whyUnusable({ hasServed }: Belief, { endpoint, by }: Adopted, role: Role): string {
  const where = formatEndpoint(endpoint);
  if (role.kind === 'replica') return `${by} names ${where}, which says it is a replica`;
  const reason = `${by} names ${where}, which cannot be used: ${'why' in role ? role.why : role.kind}`;
  // Who has been served from there knows the way.
  if (hasServed || role.kind !== 'unusable' || !role.isAstray) return reason;
  return `${reason}; if it has another address from here (NAT, containers), write that into addressMap`;
}

/** Why it will stay so: a leader needs the votes of a majority of the Sentinels that are known (sentinel.c, sentinelGetLeader). */
function whyNoFailover(belief: Belief): string {
  const { roster, reports } = belief;
  const answers = answering(belief);
  const areHeard = roster.every((sentinel) => reports.has(sentinel));
  if (!areHeard || answers * 2 > roster.length) return '';
  return `; only ${String(answers)} of ${String(roster.length)} Sentinels answer, and without a majority none begins a failover`;
}

function degradedBy(belief: Belief): readonly string[] {
  const { adopted, roster, fence } = belief;
  if (!adopted || !isUsable(belief) || fence) return [];
  const reasons: string[] = [];
  const heard = roster.filter((sentinel) => belief.reports.has(sentinel)).length;
  const answers = answering(belief);
  if (answers === 0 && heard > 0) {
    const isUnmonitored = knowing(belief) === 0;
    reasons.push(
      isUnmonitored ? `no Sentinel monitors "${belief.rules.name}" any more` : 'no Sentinel answers',
    );
  } else if (heard === roster.length && answers * 2 <= roster.length) {
    reasons.push(`only ${String(answers)} of ${String(roster.length)} Sentinels answer`);
  }
  for (const [sentinel, { answer }] of belief.reports) {
    if (answer.kind === 'address' && !sameEndpoint(answer.endpoint, adopted.endpoint)) {
      reasons.push(`${sentinel} names ${formatEndpoint(answer.endpoint)}`);
    }
  }
  if (belief.role?.kind === 'unverifiable') reasons.push(`its role cannot be verified: ${belief.role.why}`);
  return reasons;
}
