import type { Config, DatabaseConfig, SentinelConfig } from '../config/config.ts';
import { messageOf, TunnelError } from '../errors.ts';
import type { AddressMap } from '../net/address-map.ts';
import { formatEndpoint, type Endpoint } from '../net/endpoint.ts';
import { OwnListeners } from '../net/own-listeners.ts';
import type { Access } from '../net/tls.ts';
import { choose, type Adopted, type Vote } from './choose.ts';
import { Connection } from './connection.ts';
import { assertLoggedIn } from './denial.ts';
import { Inquiry } from './inquiry.ts';
import { whyUnusable } from './probe.ts';
import type { Role } from './role.ts';
import { readAnswer, readMyId, type Answer } from './words.ts';

/** What one Sentinel says of one database, asked once. */
export interface SurveyedSentinel {
  readonly sentinel: string;
  readonly answer: Answer;
  /** An earlier one in the list that is the same Sentinel: the two have one vote. */
  readonly sameAs: string | undefined;
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
      ...(await askSentinel(endpoint, database.name, config.sentinel, config.addressMap)),
    })),
  );
  const sentinels = asked.map(({ sentinel, answer, id }, index) => {
    const same = asked.slice(0, index).find((other) => id !== undefined && other.id === id);
    return { sentinel, answer, sameAs: same?.sentinel };
  });
  const voters = sentinels.filter(({ sameAs }) => sameAs === undefined);
  const votes: Vote[] = voters.flatMap(({ sentinel, answer }) =>
    answer.kind === 'address' ? [{ sentinel, endpoint: answer.endpoint, epoch: answer.epoch }] : [],
  );
  const adopted = choose(votes, undefined, voters.length);
  const role = adopted && (await askRole(adopted.endpoint, database.redis, own));
  return { database, sentinels, adopted, role };
}

async function askSentinel(
  endpoint: Endpoint,
  name: string,
  config: SentinelConfig,
  map: AddressMap,
): Promise<{ answer: Answer; id: string | undefined }> {
  const { replyMs } = config;
  let connection: Connection | undefined;
  try {
    connection = await Connection.open(endpoint, replyMs, undefined, config);
    assertLoggedIn(connection);
    const [id, master, address] = await Promise.all([
      connection.ask(['SENTINEL', 'MYID'], replyMs),
      connection.ask(['SENTINEL', 'MASTER', name], replyMs),
      connection.ask(['SENTINEL', 'get-master-addr-by-name', name], replyMs),
    ]);
    return { answer: readAnswer(address, master, { map, isRemote: connection.isRemote }), id: readMyId(id) };
  } catch (error) {
    const isDenied = error instanceof TunnelError && error.code === 'ST_SENTINEL_AUTH';
    const answer: Answer = isDenied
      ? { kind: 'error', text: error.message, code: error.code }
      : { kind: 'unreachable', text: messageOf(error) };
    return { answer, id: undefined };
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
