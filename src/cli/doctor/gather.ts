import type { Config } from '../../config/types.ts';
import { mapEndpoint } from '../../net/address-map.ts';
import { type Endpoint, formatEndpoint, parsePort, sameEndpoint } from '../../net/endpoint.ts';
import { OwnListeners } from '../../net/own-listeners.ts';
import { queryServer, replyTo, type ServerReplies } from '../../redis/query.ts';
import { roleCommands } from '../../redis/role.ts';
import { channels } from '../../sentinel/links/announcement.ts';
import { rowsOf } from '../../sentinel/links/answer.ts';
import { mastersCommand, querySentinel } from '../../sentinel/links/query.ts';
import { querySentinels, surveyFrom, type DatabaseSurvey } from '../../sentinel/members/survey.ts';
import type { DatabaseFacts, Facts, ReplicaFacts, SentinelFacts } from './facts.ts';
import { hostFacts } from './host-facts.ts';
import { localPorts } from './local-ports.ts';
import {
  commandsFor,
  infoSentinelCommand,
  infoServerCommand,
  minReplicasCommand,
  roleCommand,
  timeCommand,
} from './queries.ts';
import { withTlsProbe, type ProbedReplies } from './tls-probe.ts';

/** A loading server may take more than a second to answer (measured on redis 7.0.15), in milliseconds. */
const serverMs = 2_000;
/** The most servers of one kind that are queried for one database. */
const maxServers = 16;

/** Queries every Sentinel and server, and this machine, in parallel. Never throws. */
export async function gather(config: Config): Promise<Facts> {
  const [host, { sentinels, surveys }] = await Promise.all([hostFacts(config), gatherSentinels(config)]);
  const isNameUnknown = surveys.some((each) =>
    each.sentinels.some(({ answer }) => answer.kind === 'unknown'),
  );
  const [named, databases, ports] = await Promise.all([
    isNameUnknown ? Promise.all(sentinels.map((each) => withMasters(each, config))) : sentinels,
    Promise.all(surveys.map((each) => gatherServers(each, sentinels, config))),
    localPorts(surveys.flatMap(({ adopted }) => adopted?.endpoint ?? [])),
  ]);
  return { config, nowMs: Date.now(), sentinels: named, databases, host, localPorts: ports };
}

async function gatherSentinels(
  config: Config,
): Promise<{ readonly sentinels: readonly SentinelFacts[]; readonly surveys: readonly DatabaseSurvey[] }> {
  const { sentinel } = config;
  const access = { access: sentinel, ms: sentinel.replyMs };
  const names = new Map(config.databases.map((database) => [database.name, commandsFor(database)]));
  const more = [
    roleCommand,
    infoServerCommand,
    infoSentinelCommand,
    ...[...names.values()].flatMap(({ slaves, quorum }) => [slaves, quorum]),
  ];
  const subscriptions = channels.map((channel) => ['SUBSCRIBE', channel]);
  const [all, subscribed] = await Promise.all([
    querySentinels(config, more),
    Promise.all(
      config.sentinels.map((endpoint) =>
        queryServer(endpoint, subscriptions, { ...access, peer: 'sentinel', isSubscriber: true }),
      ),
    ),
  ]);
  const [probed, surveys] = await Promise.all([
    Promise.all(all.map((replies) => withTlsProbe(replies, access))),
    surveyFrom(config, all),
  ]);
  const sentinels = probed.flatMap((replies, index): readonly SentinelFacts[] => {
    const own = subscribed[index];
    return own ? [{ replies, subscribed: own, masters: undefined }] : [];
  });
  return { sentinels, surveys };
}

/** On a connection of its own: the list of very many masters may be longer than what is read. */
async function withMasters(sentinel: SentinelFacts, config: Config): Promise<SentinelFacts> {
  const { failure, endpoint } = sentinel.replies;
  if (failure) return sentinel;
  const access = { access: config.sentinel, ms: config.sentinel.replyMs };
  return { ...sentinel, masters: await querySentinel(endpoint, [mastersCommand], access) };
}

async function gatherServers(
  survey: DatabaseSurvey,
  sentinels: readonly SentinelFacts[],
  config: Config,
): Promise<DatabaseFacts> {
  const { database, adopted } = survey;
  if (!adopted) return { database, survey, master: undefined, replicas: [], alternates: [] };
  const own = new OwnListeners(() =>
    config.databases.flatMap(({ listen }) => listen.map(({ address }) => address)),
  );
  const commands = [
    ...roleCommands.map(({ command }) => command),
    timeCommand,
    infoServerCommand,
    minReplicasCommand,
  ];
  const options = { access: database.redis, ms: serverMs, own };
  const query = async (endpoint: Endpoint): Promise<ProbedReplies> =>
    withTlsProbe(await queryServer(endpoint, commands, options), options);
  const decider = sentinels.find(({ replies }) => replies.server === adopted.by) ?? sentinels[0];
  const rows = decider ? replicaRows(decider.replies, database) : [];
  const [master, replicas] = await Promise.all([
    query(adopted.endpoint),
    Promise.all(
      rows.slice(0, maxServers).flatMap((row) => {
        const announced = endpointOf(row);
        if (!announced) return [];
        return [
          query(mapEndpoint(config.addressMap, announced, database.redis.port)).then(
            (replies): ReplicaFacts => ({ announced, row, replies }),
          ),
        ];
      }),
    ),
  ]);
  const alternates = master.failure
    ? await Promise.all(alternatesOf(adopted.endpoint, config).map(query))
    : [];
  return { database, survey, master, replicas, alternates };
}

/** The rows of SENTINEL REPLICAS, by whichever of its names the Sentinel knows. */
function replicaRows(
  replies: ServerReplies,
  database: DatabaseFacts['database'],
): readonly ReadonlyMap<string, string>[] {
  const { replicas, slaves } = commandsFor(database);
  const rows = rowsOf(replyTo(replies, replicas));
  return rows.length > 0 ? rows : rowsOf(replyTo(replies, slaves));
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
  return [...tried.values()].slice(0, maxServers);
}
