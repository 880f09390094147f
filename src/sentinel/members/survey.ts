import type { Config, DatabaseConfig } from '../../config/types.ts';
import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import { OwnListeners } from '../../net/own-listeners.ts';
import type { Access } from '../../net/tls.ts';
import { whyUnusable } from '../../redis/probe.ts';
import type { Command, ServerReplies } from '../../redis/query.ts';
import { RoleQuery } from '../../redis/role-query.ts';
import type { Role } from '../../redis/role.ts';
import { choose, type Adopted, type Vote } from '../decision/vote-order.ts';
import { noIdentities, recognized, withPeerList } from '../decision/identity.ts';
import type { Answer } from '../links/answer.ts';
import {
  answerFrom,
  masterCommands,
  myIdFrom,
  peersCommands,
  peersFrom,
  querySentinel,
  type Peers,
} from '../links/query.ts';

/** What one Sentinel answers about one database. */
export interface SurveyedSentinel {
  /** `host:port`. */
  readonly sentinel: string;
  readonly answer: Answer;
  /** An earlier address of the same Sentinel: the two have one vote. */
  readonly sameAs: string | undefined;
  /** Its run id, where it tells it. */
  readonly id: string | undefined;
  /** Whether it belongs to another deployment than the others: it has no vote. */
  readonly isStranger: boolean;
}

/** @returns the Sentinels of a survey that have a vote */
export function votersIn({ sentinels }: DatabaseSurvey): readonly SurveyedSentinel[] {
  return sentinels.filter(({ sameAs, isStranger }) => sameAs === undefined && !isStranger);
}

/** What every configured Sentinel answers about one database, and what follows from it. */
export interface DatabaseSurvey {
  readonly database: DatabaseConfig;
  readonly sentinels: readonly SurveyedSentinel[];
  /** The address that the answers lead to. */
  readonly adopted: Adopted | undefined;
  /** What the server there says it is. */
  readonly role: Role | undefined;
}

/** A loading server may take more than a second to answer ROLE (measured on redis 7.0.15), in milliseconds. */
const roleMs = 2_000;

/** Queries every configured Sentinel about every database once, and asks the adopted masters for their ROLE. Never throws. */
export async function survey(config: Config): Promise<readonly DatabaseSurvey[]> {
  return await surveyFrom(config, await querySentinels(config));
}

/**
 * Queries every configured Sentinel about every database, each on one connection.
 *
 * @param more commands that are sent after those of the survey
 * @returns the replies of each, in the order of the configuration
 */
export function querySentinels(
  { sentinels, sentinel, databases }: Pick<Config, 'sentinels' | 'sentinel' | 'databases'>,
  more: readonly Command[] = [],
): Promise<readonly ServerReplies[]> {
  const names = new Set(databases.map(({ name }) => name));
  const answers = [...names].flatMap((name) => [masterCommands.master(name), masterCommands.address(name)]);
  // What is needed first: a list that is too long or late costs only what comes after it.
  const commands = [...answers, ...peersCommands(names), ...more];
  const options = { access: sentinel, ms: sentinel.replyMs };
  return Promise.all(sentinels.map((endpoint) => querySentinel(endpoint, commands, options)));
}

/**
 * Draws from the replies what a tunnel would do, and asks the adopted masters for their ROLE. Never throws.
 *
 * @param replies of `querySentinels`
 */
export function surveyFrom(
  config: Config,
  replies: readonly ServerReplies[],
): Promise<readonly DatabaseSurvey[]> {
  return Promise.all(config.databases.map((database) => surveyDatabase(database, config, replies)));
}

async function surveyDatabase(
  database: DatabaseConfig,
  { addressMap, databases }: Config,
  replies: readonly ServerReplies[],
): Promise<DatabaseSurvey> {
  const { name, redis } = database;
  const ports = new Map([[name, new Set([redis.port])]]);
  const asked = replies.map((each): Asked => ({
    sentinel: each.server,
    answer: answerFrom(each, name, { map: addressMap, port: redis.port }),
    id: myIdFrom(each),
    peers: peersFrom(each, ports, addressMap),
  }));
  const strangers = strangersAmong(asked);
  const sentinels = asked.map(({ sentinel, answer, id }, index) => {
    const same = asked.slice(0, index).find((other) => id !== undefined && other.id === id);
    return { sentinel, answer, sameAs: same?.sentinel, id, isStranger: strangers.has(sentinel) };
  });
  const result: DatabaseSurvey = { database, sentinels, adopted: undefined, role: undefined };
  const voters = votersIn(result);
  const votes: Vote[] = voters.flatMap(({ sentinel, answer }) =>
    answer.kind === 'address' ? [{ sentinel, endpoint: answer.endpoint, epoch: answer.epoch }] : [],
  );
  const adopted = choose(votes, undefined, voters.length);
  // A tunnel with this configuration may be running, and a Sentinel may name one of its listeners.
  const own = new OwnListeners(() => databases.flatMap(({ listen }) => listen.map(({ address }) => address)));
  const role = adopted && (await askRole(adopted.endpoint, redis, own));
  return { ...result, adopted, role };
}

interface Asked {
  readonly sentinel: string;
  readonly answer: Answer;
  readonly id: string | undefined;
  readonly peers: readonly Peers[];
}

/** The Sentinels that know none of the others and name another master, by the rules of a tunnel that starts. */
function strangersAmong(asked: readonly Asked[]): ReadonlySet<string> {
  let identities = noIdentities;
  for (const { sentinel, peers } of asked)
    for (const { id, sentinels, replicas } of peers) {
      const others = sentinels?.flatMap((each) => each.id ?? []);
      identities = withPeerList(identities, { sentinel, id, others, servers: [...replicas.values()].flat() });
    }
  const speakers = asked.map(({ sentinel, answer, id }) => ({
    ...{ sentinel, id, isSeed: true, isAnswering: answer.kind === 'address', hasAnswered: true },
    master: answer.kind === 'address' ? formatEndpoint(answer.endpoint) : undefined,
    runId: answer.kind === 'address' ? answer.runId : undefined,
    isOfOurs: false,
  }));
  return new Set(recognized(identities, speakers, false, 0).strangers.keys());
}

async function askRole(endpoint: Endpoint, access: Access, own: OwnListeners): Promise<Role> {
  let query: RoleQuery | undefined;
  try {
    query = await RoleQuery.open(endpoint, roleMs, { access, own });
    return await query.role(roleMs);
  } catch (error) {
    return { kind: 'unusable', why: whyUnusable(error) };
  } finally {
    query?.connection.close();
  }
}
