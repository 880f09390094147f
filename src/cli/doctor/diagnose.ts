import type { Config } from '../../config/types.ts';
import { withoutSecret } from '../../net/secret.ts';
import type { Facts } from './facts.ts';
import { accessFindings } from './find-access.ts';
import { clockFindings } from './find-clocks.ts';
import { configurationFindings, hostFindings, thisMachine } from './find-host.ts';
import { masterFindings } from './find-masters.ts';
import { localPortFindings } from './find-ports.ts';
import { replicaFindings } from './find-replicas.ts';
import { sentinelFindings, togetherFindings } from './find-sentinels.ts';
import { certificateFindings } from './find-tls.ts';
import { severities, type Evidence, type Finding, type FindingCode } from './finding.ts';

/** Each looks at all the facts and finds what it knows of. A new kind of finding is one more function here. */
const families: readonly ((facts: Facts) => readonly Finding[])[] = [
  configurationFindings,
  hostFindings,
  localPortFindings,
  masterFindings,
  sentinelFindings,
  accessFindings,
  togetherFindings,
  certificateFindings,
  replicaFindings,
  clockFindings,
];

/** What follows from the facts, the worst first. Pure. What others have said is cut, and cannot hold a secret of ours. */
export function diagnose(facts: Facts): readonly Finding[] {
  const clean = cleanerFor(facts.config);
  return causesFirst(
    families.flatMap((find) => find(facts)),
    facts,
  ).map(({ what, evidence, remedy, ...finding }) => ({
    ...finding,
    what: cut(withCleanQuotes(what, evidence, clean)),
    evidence: evidence.map(({ by, asked, answered }) => ({
      by: cut(by),
      asked: cut(asked),
      answered: cut(clean({ by, asked, answered })),
    })),
    remedy: cut(remedy),
  }));
}

/** What follows when Sentinels give no answer; why they give none is said of each. */
const symptoms: ReadonlySet<FindingCode> = new Set(['no-sentinel-answers', 'majority-missing']);

/**
 * The worst first, and causes before their symptoms. Why a Sentinel gives no answer is as bad as what follows from it.
 */
function causesFirst(findings: readonly Finding[], { databases }: Facts): readonly Finding[] {
  const silent = new Set(
    databases.flatMap(({ survey }) =>
      survey.sentinels.flatMap(({ sentinel, answer }) =>
        answer.kind === 'error' || answer.kind === 'unreachable' ? [sentinel] : [],
      ),
    ),
  );
  const isBroken = findings.some(({ code, severity }) => symptoms.has(code) && severity === 'broken');
  return findings
    .map((finding) => {
      const isCause =
        finding.database === undefined &&
        finding.severity === 'degraded' &&
        finding.evidence.some(({ by }) => silent.has(by));
      return isBroken && isCause ? { ...finding, severity: 'broken' as const } : finding;
    })
    .toSorted((a, b) => rankOf(b) - rankOf(a));
}

function rankOf({ code, severity }: Finding): number {
  return severities.indexOf(severity) * 2 - (symptoms.has(code) ? 1 : 0);
}

const longestText = 500;
/** A shorter one would be found in words that have nothing to do with it. */
const leastSecret = 4;

function cut(text: string): string {
  return text.length > longestText ? `${text.slice(0, longestText)}…` : text;
}

type Clean = (evidence: Evidence) => string;

/** Our own sentence with the answers that it repeats made clean; the rest of it is ours, and holds a secret by chance only. */
function withCleanQuotes(what: string, evidence: readonly Evidence[], clean: Clean): string {
  let text = what;
  for (const each of evidence) {
    if (each.answered !== '') text = text.replaceAll(each.answered, () => clean(each));
  }
  return text;
}

/** The first word of an answer to ROLE, as servers and as we say it. */
const roleWord = /^(?:active-replica|master|slave|replica|sentinel)\b/;
/** Who speaks in our own words. */
const ourselves: ReadonlySet<string> = new Set(['configuration', thisMachine]);

/** A server may repeat what it was sent. */
function cleanerFor({ sentinel, databases, admin }: Config): Clean {
  const secrets = [sentinel, ...databases.map(({ redis }) => redis)].flatMap(({ credentials }) =>
    credentials ? [credentials.password.reveal()] : [],
  );
  if (admin?.token !== undefined) secrets.push(admin.token.reveal());
  const hidden = new Set(secrets.filter((secret) => secret.length >= leastSecret));
  return ({ by, asked, answered }) => {
    if (ourselves.has(by)) return answered;
    const [role = ''] = asked === 'ROLE' ? (roleWord.exec(answered) ?? []) : [];
    let clean = answered.slice(role.length);
    for (const secret of hidden) clean = withoutSecret(clean, secret);
    return `${role}${clean}`;
  };
}
