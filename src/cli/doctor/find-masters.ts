import { type Endpoint, formatEndpoint, isLoopback } from '../../net/endpoint.ts';
import { addressBytes, networkHolds, parseNetwork } from '../../net/network.ts';
import { replyTo, type ServerReplies } from '../../redis/query.ts';
import type { Reply } from '../../redis/resp.ts';
import { rowsOf } from '../../sentinel/links/answer.ts';
import { mastersCommand } from '../../sentinel/links/query.ts';
import { causeOf } from './find-tls.ts';
import type { DatabaseFacts, Facts } from './facts.ts';
import type { Evidence, Finding } from './finding.ts';
import { commandsFor, errorTo, replyEvidence, reportedRole, roleCommand } from './queries.ts';
import { diagnosisOf, minorityOf, monitoredNames } from './diagnosis.ts';

/** Why a database cannot be served, and what is known of the cause. */
export function masterFindings(facts: Facts): readonly Finding[] {
  return facts.databases.flatMap((each): readonly Finding[] => {
    const diagnosis = diagnosisOf(each.survey);
    const minority = diagnosis ? undefined : minorityOf(each.survey);
    return [
      ...(diagnosis ? [explained(diagnosis, each, facts)] : []),
      ...(minority ? [minority] : []),
      ...(diagnosis?.code === 'master-unknown' ? [] : partlyUnknown(each, facts)),
    ];
  });
}

function explained(diagnosis: Finding, each: DatabaseFacts, facts: Facts): Finding {
  switch (diagnosis.code) {
    case 'master-unknown':
      return withNames(diagnosis, each.database.name, facts);
    case 'master-unreachable':
      return withCause(diagnosis, each, facts);
    default:
      return diagnosis;
  }
}

/** The most names that are evidence. */
const mostNames = 12;

function withNames(diagnosis: Finding, name: string, { sentinels }: Facts): Finding {
  const lists = sentinels.flatMap(({ masters }) => (masters ? [masters] : []));
  const names = new Set(lists.flatMap((replies) => namesIn(replyTo(replies, mastersCommand))));
  const evidence: readonly Evidence[] = [
    ...diagnosis.evidence,
    ...lists.map((replies): Evidence => {
      const refusal = errorTo(replies, mastersCommand) ?? replies.failure?.text;
      const own = namesIn(replyTo(replies, mastersCommand));
      const listed = own.length === 0 ? 'none' : own.slice(0, mostNames).join(', ');
      return { by: replies.server, asked: 'SENTINEL MASTERS', answered: refusal ?? listed };
    }),
  ];
  // An empty list is known; one that no Sentinel gives is not.
  if (!lists.some((list) => Array.isArray(replyTo(list, mastersCommand)))) return { ...diagnosis, evidence };
  return { ...diagnosis, evidence, remedy: monitoredNames(name, names) };
}

function namesIn(reply: Reply | undefined): readonly string[] {
  return rowsOf(reply).flatMap((row) => row.get('name') ?? []);
}

/** Some of the Sentinels know the name and some do not. */
function partlyUnknown({ database, survey }: DatabaseFacts, { sentinels }: Facts): readonly Finding[] {
  const { address } = commandsFor(database);
  const ignorant = survey.sentinels.flatMap(({ sentinel, answer }) =>
    answer.kind === 'unknown' ? [sentinel] : [],
  );
  if (ignorant.length === 0) return [];
  const evidence = sentinels
    .filter(({ replies }) => ignorant.includes(replies.server))
    .map(({ replies }) => replyEvidence(replies, address));
  const what = `${ignorant.join(', ')} ${ignorant.length === 1 ? 'does' : 'do'} not monitor "${database.name}"`;
  return [
    {
      code: 'master-unknown',
      severity: 'degraded',
      database: database.name,
      what,
      evidence,
      remedy: `Run on each of them: SENTINEL MONITOR ${database.name} HOST PORT QUORUM; or remove those that belong to another group`,
    },
  ];
}

/** Addresses that mean something only inside of a network: RFC 1918, 6598, 3927, 4193, 4291. */
const inner = [
  '10.0.0.0/8',
  '172.16.0.0/12',
  '192.168.0.0/16',
  '100.64.0.0/10',
  '169.254.0.0/16',
  'fc00::/7',
  'fe80::/10',
];

function isInner(host: string): boolean {
  const bytes = addressBytes(host);
  return (
    bytes !== undefined &&
    inner.some((text) => {
      const network = parseNetwork(text);
      return network !== undefined && networkHolds(network, bytes);
    })
  );
}

function withCause(
  diagnosis: Finding,
  { database, survey, master, replicas, alternates }: DatabaseFacts,
  facts: Facts,
): Finding {
  if (!master?.failure || !survey.adopted) return diagnosis;
  const cause = causeOf(master, database.redis, 'redis');
  if (cause) {
    const evidence = [...diagnosis.evidence.slice(0, 1), ...cause.evidence];
    return { ...diagnosis, ...cause, what: `the master ${master.server} ${cause.what}`, evidence };
  }
  const evidence = [
    ...diagnosis.evidence,
    ...alternates.map((replies) =>
      replies.failure ? notThere(replies) : replyEvidence(replies, roleCommand),
    ),
  ];
  const announced = announcedBy(survey.adopted.by, database, facts) ?? survey.adopted.endpoint;
  const found = alternates.find(isMaster);
  if (found) {
    // The ports are the same there, so one line is right for all that is announced under this address.
    const isShared = replicas.some((replica) => replica.announced.host === announced.host);
    const line = isShared
      ? `addressMap: { "${announced.host}": "${found.endpoint.host}" }`
      : mapLine(announced, found.endpoint);
    const more = replicas.some(
      ({ announced: { host }, replies }) => host !== announced.host && replies.failure,
    )
      ? ', and a line for each replica'
      : '';
    return {
      ...diagnosis,
      evidence,
      remedy: `It answers as master at ${found.server}: write ${line}${more}; or have Redis announce an address that can be reached from here (replica-announce-ip)`,
    };
  }
  const decider = facts.sentinels.find(({ replies }) => replies.server === survey.adopted?.by)?.replies
    .endpoint;
  const { host } = announced;
  if (!decider || decider.host === host || (isLoopback(decider.host) && isLoopback(host))) {
    return { ...diagnosis, evidence };
  }
  if (isLoopback(host)) {
    return {
      ...diagnosis,
      evidence,
      remedy: `"${host}" is the machine of the Sentinel and not this one: give its "sentinel monitor" an address that others can reach, or write ${mapLine(announced, { host: decider.host, port: announced.port })}`,
    };
  }
  if (!isInner(host)) {
    const remedy = `If it has another address from here (NAT, containers), write addressMap: { "${formatEndpoint(announced)}": "HOST:PORT" }; otherwise ${lowered(diagnosis.remedy)}`;
    return { ...diagnosis, evidence, remedy };
  }
  return {
    ...diagnosis,
    evidence,
    remedy: `"${host}" belongs to a network that cannot be reached from here (containers, NAT), while the Sentinel was reached at "${decider.host}": publish the port of Redis and write ${mapLine(announced, { host: decider.host, port: announced.port })} with the published port, or announce a reachable address (replica-announce-ip)`,
  };
}

function lowered(text: string): string {
  return text.slice(0, 1).toLowerCase() + text.slice(1);
}

function mapLine(from: Endpoint, to: Endpoint): string {
  return `addressMap: { "${formatEndpoint(from)}": "${formatEndpoint(to)}" }`;
}

function announcedBy(
  by: string,
  database: DatabaseFacts['database'],
  { sentinels }: Facts,
): Endpoint | undefined {
  const replies = sentinels.find((each) => each.replies.server === by)?.replies;
  const reply = replies && replyTo(replies, commandsFor(database).address);
  if (!Array.isArray(reply)) return undefined;
  const [host, port] = reply as readonly Reply[];
  return typeof host === 'string' && typeof port === 'string' ? { host, port: Number(port) } : undefined;
}

function isMaster(replies: ServerReplies): boolean {
  return reportedRole(replies)?.role.kind === 'master';
}

function notThere({ server: by, failure }: ServerReplies): Evidence {
  return { by, asked: 'ROLE', answered: failure?.text ?? 'nothing' };
}
