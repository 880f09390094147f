import { formatEndpoint } from '../../net/endpoint.ts';
import { isUsable, servedBy, type Belief } from './belief.ts';
import type { Adopted } from './choose.ts';
import { agreeing, answering, isSame, knowing, latenessMs, voters, isFresh } from './tally.ts';
import type { Role } from '../../redis/role.ts';
import type { MasterView, Phase, Stranger } from './view.ts';

/** The printable form of a belief. Pure; `before` comes back where nothing that shows has changed. */
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
    const reason = `${whyUnusable(belief, adopted, role)}${whyNoFailover(belief)}${whyNotReplaced(belief)}`;
    return { kind: 'lost', reason, named: adopted.endpoint };
  }
  const reason = `verifying ${formatEndpoint(adopted.endpoint)}, the master of "${rules.name}" by the word of ${adopted.by}`;
  return belief.generation <= 1
    ? { kind: 'unknown', reason, isMissing: false }
    : { kind: 'fenced', reason, candidate: adopted.endpoint };
}

/** The two cases that the Sentinel client guidelines ask to tell apart, and what lies between them. */
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

/** By the word of a Sentinel that still gives it, where there is one. */
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
  // Who has been served from there knows the way.
  if (hasServed || role.kind !== 'unusable' || !role.isAstray) return reason;
  return `${reason}; if it has another address from here (NAT, containers), write that into addressMap`;
}

/** Why it will stay so: a leader needs the votes of a majority of the Sentinels that are known (sentinel.c, sentinelGetLeader). */
function whyNoFailover(belief: Belief): string {
  const { reports } = belief;
  const known = voters(belief);
  const answers = answering(belief);
  const areHeard = known.every((sentinel) => reports.has(sentinel));
  if (!areHeard || answers * 2 > known.length) return '';
  return `; only ${String(answers)} of ${String(known.length)} Sentinels answer, and without a majority none begins a failover`;
}

/** What the ends of failovers mean (redis 7.0.15, sentinel.c). */
const setbacks: Readonly<Record<string, string>> = {
  '-failover-abort-no-good-slave': 'no replica is fit to be promoted',
  '-failover-abort-not-elected': 'the Sentinel that began it was not elected to lead it',
  '-failover-abort-slave-timeout': 'the replica that was chosen was not promoted in time',
  '-failover-abort-master-timeout': 'the master could not be told to hand over in time',
};

function whyNotReplaced({ setback }: Belief): string {
  if (!setback) return '';
  const { by, channel } = setback;
  return `; the last failover was given up by ${by}: ${setbacks[channel] ?? channel} (${channel})`;
}

function dissenting(belief: Belief): readonly string[] {
  const served = servedBy(belief);
  if (!served) return [];
  return belief.roster.filter((sentinel) => {
    const answer = belief.reports.get(sentinel)?.answer;
    return answer?.kind === 'address' && !isSame(belief, answer.endpoint, served);
  });
}

/** A stranger is worth a word once the others have had time to name it: they hear of each other every 2 s (redis 7.0.15, sentinel.c, SENTINEL_PUBLISH_PERIOD). */
const acquaintedMs = 3_000;

/** Those that answer at a Sentinel's address and belong to another deployment, by all that is known. */
function strangersOf({ identities, reports, nowMs }: Belief): readonly Stranger[] {
  return [...identities.strangers].flatMap(([sentinel, sinceMs]) => {
    const report = reports.get(sentinel);
    if (nowMs - sinceMs < acquaintedMs || report?.answer.kind !== 'address') return [];
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
