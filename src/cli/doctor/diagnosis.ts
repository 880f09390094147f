import { closest } from '../../config/problems.ts';
import { formatEndpoint } from '../../net/endpoint.ts';
import { whyOwn } from '../../net/own-listeners.ts';
import { votersIn, type DatabaseSurvey } from '../../sentinel/members/survey.ts';
import { masterCommands } from '../../sentinel/links/query.ts';
import type { Evidence, Finding, FindingCode } from './finding.ts';

/** @returns why a database cannot be served now, by one query of every Sentinel and of the master; `undefined` where it can */
export function diagnosisOf(survey: DatabaseSurvey): Finding | undefined {
  const { database, adopted, role } = survey;
  const { name, onSentinelLoss } = database;
  const broken = (
    code: FindingCode,
    what: string,
    evidence: readonly Evidence[],
    remedy: string,
  ): Finding => ({
    code,
    severity: 'broken',
    database: name,
    what,
    evidence,
    remedy,
  });
  const voters = votersIn(survey);
  const asked = masterCommands.address(name).join(' ');
  const answers = voters.map(({ sentinel, answer }): Evidence => {
    const answered =
      answer.kind === 'address'
        ? formatEndpoint(answer.endpoint)
        : answer.kind === 'unknown'
          ? '(nil)'
          : answer.text;
    return { by: sentinel, asked, answered };
  });
  if (!adopted) {
    return voters.some(({ answer }) => answer.kind === 'unknown')
      ? broken(
          'master-unknown',
          `no Sentinel that answers monitors "${name}"`,
          answers,
          `Write the name exactly as in "sentinel monitor NAME", upper and lower case included`,
        )
      : broken(
          'no-sentinel-answers',
          'no Sentinel gives an answer',
          answers,
          'See the findings for each Sentinel; until one answers, no master can be found',
        );
  }
  const answering = voters.filter(({ answer }) => answer.kind === 'address').length;
  if (onSentinelLoss === 'refuse' && answering * 2 <= voters.length) {
    const what = `only ${String(answering)} of ${String(voters.length)} Sentinels answer, and onSentinelLoss is "refuse"`;
    return broken(
      'majority-missing',
      what,
      answers,
      'Start the other Sentinels, or serve without them: onSentinelLoss: serve',
    );
  }
  const where = formatEndpoint(adopted.endpoint);
  if (role?.kind === 'replica') {
    const evidence = [
      { by: adopted.by, asked, answered: where },
      { by: where, asked: 'ROLE', answered: 'replica' },
    ];
    return broken(
      'master-is-replica',
      `${where} says it is a replica`,
      evidence,
      'During a failover this passes. If it stays, the roles were changed without the Sentinels: run SENTINEL FAILOVER, or REPLICAOF NO ONE on the server that should be master',
    );
  }
  if (role?.kind !== 'unusable') return undefined;
  const evidence = [
    { by: adopted.by, asked, answered: where },
    { by: where, asked: 'ROLE', answered: role.why },
  ];
  const what = `${where} cannot be used: ${role.why}`;
  if (role.why.includes(whyOwn)) {
    return broken(
      'master-is-self',
      what,
      evidence,
      'Listen on another port than the master has, or on another address; or map the announced address to where the master is (addressMap)',
    );
  }
  if (/^it is a Sentinel|is not valid|Not the Redis protocol/.test(role.why)) {
    return broken(
      'master-not-redis',
      what,
      evidence,
      'Another program has the address that the Sentinels announce: check what runs there, and addressMap',
    );
  }
  return broken(
    'master-unreachable',
    what,
    evidence,
    'Check routes and firewalls between here and there, and whether that server runs',
  );
}

/** @returns that no majority of the Sentinels answers, where the database is served all the same */
export function minorityOf(survey: DatabaseSurvey): Finding | undefined {
  const voters = votersIn(survey);
  const answering = voters.filter(({ answer }) => answer.kind === 'address').length;
  if (answering * 2 > voters.length || answering === 0) return undefined;
  const evidence = voters.map(({ sentinel, answer }): Evidence => ({
    by: sentinel,
    asked: masterCommands.address(survey.database.name).join(' '),
    answered:
      answer.kind === 'address' ? formatEndpoint(answer.endpoint) : 'text' in answer ? answer.text : '(nil)',
  }));
  return {
    code: 'majority-missing',
    severity: 'degraded',
    database: survey.database.name,
    what: `only ${String(answering)} of ${String(voters.length)} Sentinel${voters.length === 1 ? '' : 's'} answer: a failover may not be possible`,
    evidence,
    remedy: 'Start the other Sentinels; the master is served meanwhile',
  };
}

/** The most names that are listed, and the longest part of each that is shown. */
const mostNames = 12;
const longestName = 80;

/** Which names the Sentinels monitor, and which of them was probably meant by one that they do not. */
export function monitoredNames(wanted: string, monitored: ReadonlySet<string>): string {
  const names = nearestFirst(wanted, monitored);
  const [first] = names;
  if (first === undefined) return 'They monitor nothing';
  const isNear = closest(wanted, [first]) !== undefined;
  const more = names.length > mostNames ? `, and ${String(names.length - mostNames)} more` : '';
  const listed = names.slice(0, mostNames).map(quoted).join(', ');
  return `${isNear ? `Did you mean ${quoted(first)}? ` : ''}They monitor: ${listed}${more}`;
}

/** The one that was probably meant first, the rest in the order of the alphabet. */
export function nearestFirst(text: string, words: ReadonlySet<string>): readonly string[] {
  const rest = [...words].toSorted();
  const sorted: string[] = [];
  for (let near = closest(text, rest); near !== undefined; near = closest(text, rest)) {
    sorted.push(near);
    rest.splice(rest.indexOf(near), 1);
  }
  return [...sorted, ...rest];
}

function quoted(name: string): string {
  return `"${name.length > longestName ? `${name.slice(0, longestName)}…` : name}"`;
}
