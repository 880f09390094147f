import type { Config, DatabaseConfig, SentinelConfig } from '../../config/types.ts';
import { messageOf, TunnelError } from '../../errors.ts';
import type { AddressMap } from '../../net/address-map.ts';
import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import { OwnListeners } from '../../net/own-listeners.ts';
import type { Access } from '../../net/tls.ts';
import { choose, type Adopted, type Vote } from '../decision/choose.ts';
import { Connection } from '../../redis/connection.ts';
import { assertLoggedIn } from '../links/denial.ts';
import { nobody, recognized, withIntroduction } from '../decision/identity.ts';
import { Inquiry } from '../../redis/role-query.ts';
import { introduce, type Acquaintance } from '../links/introduce.ts';
import { whyUnusable } from '../../redis/probe.ts';
import type { Role } from '../../redis/role.ts';
import { readAnswer, readMyId, type Answer } from '../links/announcement.ts';

/** What one Sentinel says of one database, asked once. */
export interface SurveyedSentinel {
  readonly sentinel: string;
  readonly answer: Answer;
  /** An earlier one in the list that is the same Sentinel: the two have one vote. */
  readonly sameAs: string | undefined;
  /** Its run id, where it tells it. */
  readonly id: string | undefined;
  /** Whether it belongs to another deployment than the others: it has no vote. */
  readonly isStranger: boolean;
}

/** Those of a survey that have a vote. */
export function votersIn({ sentinels }: DatabaseSurvey): readonly SurveyedSentinel[] {
  return sentinels.filter(({ sameAs, isStranger }) => sameAs === undefined && !isStranger);
}

/** What every configured Sentinel says of one database, and what follows from it. */
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

/** Asks every configured Sentinel about every database once, and the master they lead to for its ROLE. Never throws. */
export function survey(config: Config): Promise<readonly DatabaseSurvey[]> {
  return Promise.all(config.databases.map((database) => surveyDatabase(database, config)));
}

async function surveyDatabase(database: DatabaseConfig, config: Config): Promise<DatabaseSurvey> {
  // Where this configuration listens, a tunnel may run that has it, or be meant to.
  const own = new OwnListeners(() =>
    config.databases.flatMap(({ listen }) => listen.map(({ address }) => address)),
  );
  const asked = await Promise.all(
    config.sentinels.map(async (endpoint) => ({
      sentinel: formatEndpoint(endpoint),
      ...(await askSentinel(endpoint, database, config.sentinel, config.addressMap)),
    })),
  );
  const strangers = strangersAmong(asked);
  const sentinels = asked.map(({ sentinel, answer, id }, index) => {
    const same = asked.slice(0, index).find((other) => id !== undefined && other.id === id);
    return { sentinel, answer, sameAs: same?.sentinel, id, isStranger: strangers.has(sentinel) };
  });
  const survey: DatabaseSurvey = { database, sentinels, adopted: undefined, role: undefined };
  const voters = votersIn(survey);
  const votes: Vote[] = voters.flatMap(({ sentinel, answer }) =>
    answer.kind === 'address' ? [{ sentinel, endpoint: answer.endpoint, epoch: answer.epoch }] : [],
  );
  const adopted = choose(votes, undefined, voters.length);
  const role = adopted && (await askRole(adopted.endpoint, database.redis, own));
  return { ...survey, adopted, role };
}

interface Asked {
  readonly sentinel: string;
  readonly answer: Answer;
  readonly id: string | undefined;
  readonly acquaintances: readonly Acquaintance[];
}

/** Those that know none of the others and name another master, by the rules that a tunnel has at its start. */
function strangersAmong(asked: readonly Asked[]): ReadonlySet<string> {
  let identities = nobody;
  for (const { sentinel, acquaintances } of asked)
    for (const { id, sentinels, replicas } of acquaintances) {
      const others = sentinels?.flatMap((each) => each.id ?? []);
      const servers = [...replicas.values()].flat();
      identities = withIntroduction(identities, { sentinel, id, others, servers });
    }
  const speakers = asked.map(({ sentinel, answer, id }) => ({
    ...{ sentinel, id, isSeed: true, isAnswering: answer.kind === 'address', hasAnswered: true },
    master: answer.kind === 'address' ? formatEndpoint(answer.endpoint) : undefined,
    runId: answer.kind === 'address' ? answer.runId : undefined,
    isOfOurs: false,
  }));
  return new Set(recognized(identities, speakers, false, 0).strangers.keys());
}

async function askSentinel(
  endpoint: Endpoint,
  { name, redis: { port } }: DatabaseConfig,
  config: SentinelConfig,
  map: AddressMap,
): Promise<Omit<Asked, 'sentinel'>> {
  const { replyMs } = config;
  const ports = new Map([[name, new Set([port])]]);
  const introducing = introduce(endpoint, ports, map, replyMs, config, new AbortController().signal);
  let connection: Connection | undefined;
  try {
    connection = await Connection.open(endpoint, replyMs, undefined, config);
    assertLoggedIn(connection);
    const [id, master, address] = await Promise.all([
      connection.ask(['SENTINEL', 'MYID'], replyMs),
      connection.ask(['SENTINEL', 'MASTER', name], replyMs),
      connection.ask(['SENTINEL', 'get-master-addr-by-name', name], replyMs),
    ]);
    const origin = { map, isRemote: connection.isRemote, port };
    return {
      answer: readAnswer(address, master, origin),
      id: readMyId(id),
      acquaintances: await introducing,
    };
  } catch (error) {
    const isDenied = error instanceof TunnelError && error.code === 'ST_SENTINEL_AUTH';
    const answer: Answer = isDenied
      ? { kind: 'error', text: error.message, code: error.code }
      : { kind: 'unreachable', text: messageOf(error) };
    return { answer, id: undefined, acquaintances: await introducing };
  } finally {
    connection?.close();
  }
}

async function askRole(endpoint: Endpoint, access: Access, own: OwnListeners): Promise<Role> {
  let inquiry: Inquiry | undefined;
  try {
    inquiry = await Inquiry.open(endpoint, roleMs, access, own);
    return await inquiry.role(roleMs);
  } catch (error) {
    return { kind: 'unusable', why: whyUnusable(error) };
  } finally {
    inquiry?.connection.close();
  }
}
