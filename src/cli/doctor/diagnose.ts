import type { Config } from '../../config/config.ts';
import type { Facts } from './facts.ts';
import { accessFindings } from './find-access.ts';
import { clockFindings } from './find-clocks.ts';
import { configurationFindings, hostFindings } from './find-host.ts';
import { masterFindings } from './find-masters.ts';
import { replicaFindings } from './find-replicas.ts';
import { sentinelFindings, togetherFindings } from './find-sentinels.ts';
import { certificateFindings } from './find-tls.ts';
import { severities, type Finding } from './finding.ts';

/** Each looks at all the facts and finds what it knows of. A new kind of finding is one more function here. */
const families: readonly ((facts: Facts) => readonly Finding[])[] = [
  configurationFindings,
  hostFindings,
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
  return families
    .flatMap((find) => find(facts))
    .toSorted((a, b) => severities.indexOf(b.severity) - severities.indexOf(a.severity))
    .map(({ what, evidence, remedy, ...finding }) => ({
      ...finding,
      what: clean(what),
      evidence: evidence.map(({ by, asked, answered }) => ({
        by: clean(by),
        asked: clean(asked),
        answered: clean(answered),
      })),
      remedy: clean(remedy),
    }));
}

const longestText = 500;
/** A shorter one would be found in words that have nothing to do with it. */
const leastSecret = 4;

/** A server may say what it was told. */
function cleanerFor({ sentinel, databases, admin }: Config): (text: string) => string {
  const secrets = [sentinel, ...databases.map(({ redis }) => redis)].flatMap(({ credentials }) =>
    credentials ? [credentials.password.reveal()] : [],
  );
  if (admin?.token !== undefined) secrets.push(admin.token);
  const hidden = new Set(secrets.filter((secret) => secret.length >= leastSecret));
  return (text) => {
    let clean = text;
    for (const secret of hidden) clean = clean.replaceAll(secret, '[redacted]');
    return clean.length > longestText ? `${clean.slice(0, longestText)}…` : clean;
  };
}
