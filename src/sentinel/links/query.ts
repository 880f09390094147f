import { TunnelError } from '../../errors.ts';
import type { AddressMap } from '../../net/address-map.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import type { Access } from '../../net/tls.ts';
import { Connection, type ConnectionOptions } from '../../redis/connection.ts';
import { queryServer, replyTo, type Command, type ServerReplies } from '../../redis/query.ts';
import { longReply, ReplyError } from '../../redis/resp.ts';
import {
  readAnswer,
  readMyId,
  readSentinels,
  readServers,
  type Answer,
  type ListedSentinel,
  type ListedServer,
} from './answer.ts';
import { denialOf, isUnavailable } from './denial.ts';

/** Asks a Sentinel for its run id. */
export const myIdCommand: Command = ['SENTINEL', 'MYID'];
/** Lists the masters that a Sentinel monitors. */
export const mastersCommand: Command = ['SENTINEL', 'MASTERS'];

/** The queries about one master, by name. */
export const masterCommands = {
  address: (name: string): Command => ['SENTINEL', 'get-master-addr-by-name', name],
  master: (name: string): Command => ['SENTINEL', 'MASTER', name],
  sentinels: (name: string): Command => ['SENTINEL', 'SENTINELS', name],
  replicas: (name: string): Command => ['SENTINEL', 'REPLICAS', name],
} as const;

/**
 * Connects to a Sentinel for a longer time.
 *
 * @param ms deadline for connecting, and another one for the reply to AUTH, in milliseconds
 * @throws TunnelError as `Connection.open`; `ST_SENTINEL_AUTH` where it refuses our credentials
 */
export async function connectToSentinel(
  endpoint: Endpoint,
  ms: number,
  options: ConnectionOptions,
): Promise<Connection> {
  const connection = await Connection.open(endpoint, ms, { ...options, peer: 'sentinel' });
  const { login } = connection;
  if (login.kind !== 'refused') return connection;
  connection.close();
  throw new TunnelError('ST_SENTINEL_AUTH', whyRefused(login.why));
}

/** How to query a Sentinel once. */
export interface SentinelQueryOptions {
  readonly access: Access;
  /** Deadline for connecting, for the reply to AUTH and for each reply, in milliseconds. */
  readonly ms: number;
  readonly signal?: AbortSignal | undefined;
}

/** Queries a Sentinel once, on a connection of its own, with room for long lists. Never throws. */
export function querySentinel(
  endpoint: Endpoint,
  commands: readonly Command[],
  options: SentinelQueryOptions,
): Promise<ServerReplies> {
  return queryServer(endpoint, commands, { ...options, peer: 'sentinel', limits: longReply });
}

/** @returns what a Sentinel answers about a master; `masterCommands.address` and `.master` have to be among the commands */
export function answerFrom(
  replies: ServerReplies,
  name: string,
  { map, port }: { readonly map: AddressMap; readonly port?: number | undefined },
): Answer {
  const { failure, login, isRemote } = replies;
  if (login.kind === 'refused')
    return { kind: 'error', text: whyRefused(login.why), code: 'ST_SENTINEL_AUTH' };
  const address = replyTo(replies, masterCommands.address(name));
  if (address === undefined) return { kind: 'unreachable', text: failure?.text ?? 'it gave no answer' };
  const master = replyTo(replies, masterCommands.master(name)) ?? null;
  return readAnswer(address, master, { map, isRemote, port });
}

/** @returns the run id of a Sentinel; `undefined` where it does not tell it (Redis before 6.2, Redis Enterprise, an ACL) */
export function myIdFrom(replies: ServerReplies): string | undefined {
  return readMyId(replyTo(replies, myIdCommand));
}

/** The Sentinels and the replicas that one Sentinel lists for one master. */
export interface Peers {
  readonly name: string;
  /** The run id of the Sentinel that was queried, where it tells it. */
  readonly id: string | undefined;
  /** The other Sentinels, those that are up first; `undefined` where the list could not be read. */
  readonly sentinels: readonly ListedSentinel[] | undefined;
  /** The replicas, by the port that every server has; by `undefined` for the announced ports. */
  readonly replicas: ReadonlyMap<number | undefined, readonly ListedServer[]>;
  /** What could not be read, and why; `undefined` where everything could, or where we have no permission. */
  readonly trouble: string | undefined;
}

/** The names of masters, and for each the ports that its watches give all its servers, in place of the announced ones. */
export type ServerPorts = ReadonlyMap<string, ReadonlySet<number | undefined>>;

/** At most this many entries of one list are kept. */
const maxKept = 512;

/** The commands that `peersFrom` reads the replies of. */
export function peersCommands(names: Iterable<string>): readonly Command[] {
  return [
    myIdCommand,
    ...[...names].flatMap((name) => [masterCommands.replicas(name), masterCommands.sentinels(name)]),
  ];
}

/**
 * Reads which Sentinels and replicas a Sentinel knows.
 *
 * Finding a master does not need this, so it has a connection of its own: a reply that is too long, invalid or missing
 * costs nothing else. Behind a load balancer that connection may lead to another Sentinel than the one of the queries, so
 * the run id is read from it as well.
 *
 * @returns nothing where there was no connection, or the credentials were refused: the query for the master reports both
 */
export function peersFrom(replies: ServerReplies, ports: ServerPorts, map: AddressMap): readonly Peers[] {
  if (!replies.isConnected || replies.login.kind === 'refused') return [];
  const origin = { map, isRemote: replies.isRemote };
  return [...ports].map(([name, portsOfName]) => {
    const sentinels = replyTo(replies, masterCommands.sentinels(name));
    const replicas = replyTo(replies, masterCommands.replicas(name)) ?? null;
    const listed = Array.isArray(sentinels) ? readSentinels(sentinels, origin) : undefined;
    return {
      ...{ name, id: myIdFrom(replies), trouble: troubleIn(replies, name) },
      sentinels: listed?.toSorted((a, b) => Number(b.isUp) - Number(a.isUp)).slice(0, maxKept),
      replicas: new Map(
        [...portsOfName].map((port) => [port, readServers(replicas, { ...origin, port }).slice(0, maxKept)]),
      ),
    };
  });
}

function troubleIn(replies: ServerReplies, name: string): string | undefined {
  const { failure } = replies;
  for (const command of peersCommands([name])) {
    const reply = replyTo(replies, command);
    if (reply instanceof ReplyError && !isExpected(reply.text)) return reply.text;
    // The query for the master reports a Sentinel that is down.
    const isUnread = failure?.code === 'ST_SENTINEL_REPLY_INVALID' || failure?.code === 'ST_SENTINEL_TIMEOUT';
    if (reply === undefined && isUnread) return failure.text;
  }
  return undefined;
}

/** Error replies that are no trouble: the query for the master reports those that are. */
function isExpected(text: string): boolean {
  return denialOf(text) !== undefined || isUnavailable(text) || /^ERR No such master/i.test(text);
}

function whyRefused(why: string): string {
  return `it refuses the credentials of "sentinel": ${why}`;
}
