import type { Config, DatabaseConfig } from '../../config/types.ts';
import { mapEndpoint } from '../../net/address-map.ts';
import { type Endpoint, formatEndpoint, parsePort, sameEndpoint } from '../../net/endpoint.ts';
import { OwnListeners } from '../../net/own-listeners.ts';
import { asMap, type Reply } from '../../redis/resp.ts';
import { roleCommands } from '../../redis/role.ts';
import { type DatabaseSurvey, survey } from '../../sentinel/members/survey.ts';
import { channels } from '../../sentinel/links/announcement.ts';
import type { DatabaseFacts, Facts, ReplicaFacts, SentinelFacts } from './facts.ts';
import { hostFacts } from './host-facts.ts';
import { interview, replyTo, type Interview } from './interview.ts';
import { localPorts } from './local-ports.ts';

/** A loading server may take more than a second to answer (measured on redis 7.0.15), in milliseconds. */
const serverMs = 2_000;
/** The most servers of one kind that are asked for one database. */
const mostAsked = 16;

/** Asks everybody everything, in parallel. Never throws. */
export async function gather(config: Config): Promise<Facts> {
  const [host, sentinels, surveys] = await Promise.all([
    hostFacts(config),
    Promise.all(config.sentinels.map((endpoint) => askSentinel(endpoint, config))),
    survey(config),
  ]);
  const isNameUnknown = surveys.some((each) =>
    each.sentinels.some(({ answer }) => answer.kind === 'unknown'),
  );
  const [named, databases, ports] = await Promise.all([
    isNameUnknown ? Promise.all(sentinels.map((each) => askNames(each, config))) : sentinels,
    Promise.all(surveys.map((each) => askServers(each, sentinels, config))),
    localPorts(surveys.flatMap(({ adopted }) => adopted?.endpoint ?? [])),
  ]);
  return { config, nowMs: Date.now(), sentinels: named, databases, host, localPorts: ports };
}

/** What every Sentinel is asked of a database. */
export function questionsOf({
  name,
}: Pick<DatabaseConfig, 'name'>): Readonly<Record<Question, readonly string[]>> {
  return {
    address: ['SENTINEL', 'get-master-addr-by-name', name],
    master: ['SENTINEL', 'MASTER', name],
    sentinels: ['SENTINEL', 'SENTINELS', name],
    replicas: ['SENTINEL', 'REPLICAS', name],
    // Its only name before Redis 5.
    slaves: ['SENTINEL', 'SLAVES', name],
    quorum: ['SENTINEL', 'CKQUORUM', name],
  };
}
export type Question = 'address' | 'master' | 'sentinels' | 'replicas' | 'slaves' | 'quorum';

async function askSentinel(endpoint: Endpoint, config: Config): Promise<SentinelFacts> {
  const manner = { access: config.sentinel, ms: config.sentinel.replyMs, peer: 'sentinel' as const };
  const questions = [
    ['SENTINEL', 'MYID'],
    ['ROLE'],
    ['INFO', 'server'],
    ['INFO', 'sentinel'],
    ...config.databases.flatMap((database) => Object.values(questionsOf(database))),
  ];
  const [asked, subscribed] = await Promise.all([
    interview(endpoint, questions, manner),
    interview(
      endpoint,
      channels.map((channel) => ['SUBSCRIBE', channel]),
      { ...manner, isSubscriber: true },
    ),
  ]);
  return { asked, subscribed, masters: undefined };
}

/** On a connection of its own: of very many masters the answer is longer than what is read. */
async function askNames(sentinel: SentinelFacts, config: Config): Promise<SentinelFacts> {
  if (sentinel.asked.failure) return sentinel;
  const manner = { access: config.sentinel, ms: config.sentinel.replyMs, peer: 'sentinel' as const };
  return {
    ...sentinel,
    masters: await interview(sentinel.asked.endpoint, [['SENTINEL', 'MASTERS']], manner),
  };
}

async function askServers(
  surveyed: DatabaseSurvey,
  sentinels: readonly SentinelFacts[],
  config: Config,
): Promise<DatabaseFacts> {
  const { database, adopted } = surveyed;
  if (!adopted) return { database, survey: surveyed, master: undefined, replicas: [], alternates: [] };
  const own = new OwnListeners(() =>
    config.databases.flatMap(({ listen }) => listen.map(({ address }) => address)),
  );
  const ask = (endpoint: Endpoint): Promise<Interview> =>
    interview(
      endpoint,
      [
        ...roleCommands.map(({ command }) => command),
        ['TIME'],
        ['INFO', 'server'],
        ['CONFIG', 'GET', 'min-replicas-to-write'],
      ],
      { access: database.redis, ms: serverMs, own, peer: 'redis' },
    );
  const decider = sentinels.find(({ asked }) => asked.by === adopted.by) ?? sentinels[0];
  const rows = decider ? replicaRows(decider.asked, database) : [];
  const [master, replicas] = await Promise.all([
    ask(adopted.endpoint),
    Promise.all(
      rows.slice(0, mostAsked).flatMap((row) => {
        const announced = endpointOf(row);
        if (!announced) return [];
        return [
          ask(mapEndpoint(config.addressMap, announced, database.redis.port)).then((asked): ReplicaFacts => ({
            announced,
            row,
            asked,
          })),
        ];
      }),
    ),
  ]);
  const alternates = master.failure ? await Promise.all(alternatesOf(adopted.endpoint, config).map(ask)) : [];
  return { database, survey: surveyed, master, replicas, alternates };
}

/** The rows of SENTINEL REPLICAS, by whichever name it is known. */
function replicaRows(asked: Interview, database: DatabaseConfig): readonly ReadonlyMap<string, string>[] {
  const { replicas, slaves } = questionsOf(database);
  return [replicas, slaves]
    .map((words) => rowsOf(replyTo(asked, ...words)))
    .reduce((known, rows) => (known.length > 0 ? known : rows), []);
}

export function rowsOf(reply: Reply | undefined): readonly ReadonlyMap<string, string>[] {
  return Array.isArray(reply) ? (reply as readonly Reply[]).map(asMap) : [];
}

function endpointOf(row: ReadonlyMap<string, string>): Endpoint | undefined {
  const [host, port] = [row.get('ip') ?? '', parsePort(row.get('port') ?? '')];
  return host === '' || port === undefined ? undefined : { host, port };
}

/** The same port at the hosts of the Sentinels: where containers and NAT usually put a master. */
function alternatesOf(endpoint: Endpoint, { sentinels }: Config): readonly Endpoint[] {
  const tried = new Map<string, Endpoint>();
  for (const { host } of sentinels) {
    const alternate = { host, port: endpoint.port };
    if (!sameEndpoint(alternate, endpoint)) tried.set(formatEndpoint(alternate), alternate);
  }
  return [...tried.values()].slice(0, mostAsked);
}
