import type { Endpoint } from '../net/endpoint.ts';
import { isRefusal } from '../net/refusal.ts';
import { announcedEndpoint } from './reported-address.ts';
import { asMap, ReplyError, type Reply } from './resp.ts';

/** What a server is by its own word. It can show that Sentinel is behind; it never overrules Sentinel. */
export type Role =
  | { readonly kind: 'master' }
  | { readonly kind: 'replica' }
  /** A replica of KeyDB that takes writes and passes them on. It says so before it is promoted as well, so it proves no promotion. */
  | { readonly kind: 'active-replica' }
  /** It answers, but tells its role in no way: no credentials, no permission, no such commands. */
  | { readonly kind: 'unverifiable'; readonly why: string }
  /** It does not answer, or is no Redis server. */
  | {
      readonly kind: 'unusable';
      readonly why: string;
      /** Set where no way leads to the announced address from here, which is not to say that nobody is there. */
      readonly isAstray?: true;
    };

/** A way to ask a server what it is. */
export interface RoleQuestion {
  readonly name: string;
  readonly words: readonly string[];
  /** @returns `undefined` where the reply does not tell */
  readonly read: (reply: Reply) => Role | undefined;
}

/**
 * The ways to ask, in the order in which they are tried. ROLE is among the dangerous commands, and Redis Enterprise has
 * none. HELLO can be forbidden by an ACL of Redis 6.0 only, where it also wants a version; Redis before 6 has none
 * (redis 7.0.15, acl.c, ACLSelectorCheckCmd; networking.c, helloCommand).
 */
export const roleQuestions: readonly [RoleQuestion, ...RoleQuestion[]] = [
  { name: 'ROLE', words: ['ROLE'], read: readRole },
  { name: 'HELLO', words: ['HELLO', '2'], read: readHello },
  { name: 'INFO replication', words: ['INFO', 'replication'], read: readInfo },
];

/**
 * Reads the reply to ROLE: `[master, …]`, `[slave, …]`. KeyDB with several masters gives an array of such arrays, one for
 * each of them. An error of our own is no refusal: a Sentinel that names a tunnel would lead it to itself.
 */
export function readRole(reply: Reply): Role | undefined {
  if (reply instanceof ReplyError) {
    return isRefusal(reply.text) ? { kind: 'unusable', why: 'it is a Sentinel Tunnel' } : undefined;
  }
  const [first = null] = listIn(reply);
  return roleNamed(Array.isArray(first) ? listIn(first)[0] : first);
}

/** Reads the reply to HELLO. That of a Sentinel has no role. */
function readHello(reply: Reply): Role | undefined {
  const facts = asMap(reply);
  return roleNamed(facts.get('role') ?? facts.get('mode'));
}

/** Reads the reply to `INFO replication`. */
function readInfo(reply: Reply): Role | undefined {
  return typeof reply === 'string' ? roleNamed(/^role:(\S+)\s*$/m.exec(reply)?.[1]) : undefined;
}

/** What is said in one word. A replica is a `slave` to ROLE and INFO of Redis, a `replica` to HELLO, and either to Dragonfly. */
function roleNamed(word: Reply | undefined): Role | undefined {
  switch (word) {
    case 'master':
    case 'replica':
    case 'active-replica':
      return { kind: word };
    case 'slave':
      return { kind: 'replica' };
    case 'sentinel':
      return { kind: 'unusable', why: 'it is a Sentinel' };
    default:
      return undefined;
  }
}

/**
 * What a server is that has answered, and told its role in no way, by its first answer.
 *
 * Every error reply counts as "cannot be verified": with NOAUTH, NOPERM and an unknown command the server is alive and
 * only closed to us; with "max number of clients reached" or protected mode a client is told the same by the server
 * itself, which says it better than we could.
 */
export function untoldRole({ name }: RoleQuestion, reply: Reply): Role {
  return reply instanceof ReplyError
    ? { kind: 'unverifiable', why: reply.text }
    : { kind: 'unusable', why: `its answer to ${name} makes no sense` };
}

/** No more replicas of one master are shown than these. */
const mostReplicas = 64;

/** A replica as its master counts it. */
export interface CountedReplica {
  readonly endpoint: Endpoint;
  /** How far it has come in the replication stream; `undefined` where that is not said. */
  readonly offset: number | undefined;
}

/** What a master says of its replication. */
export interface Replication {
  readonly offset: number | undefined;
  readonly replicas: readonly CountedReplica[];
}

/**
 * What a master counts in its reply to ROLE: `[master, offset, [[host, port, offset], …]]`; Dragonfly leaves the first
 * offset out. The replicas are for people to see; no master is ever looked for among them.
 *
 * @returns `undefined` where it is none
 */
export function readReplication(reply: Reply): Replication | undefined {
  const [role, offset, ...more] = listIn(reply);
  if (role !== 'master') return undefined;
  const [replicas] = Array.isArray(offset) ? [offset] : more;
  return {
    offset: typeof offset === 'number' ? offset : undefined,
    replicas: listIn(replicas)
      .slice(0, mostReplicas)
      .flatMap((replica) => {
        const [host, port, own] = listIn(replica);
        return typeof host === 'string' && typeof port === 'string' ? counted(host, port, own) : [];
      }),
  };
}

/** The same from `INFO replication`: `slave0:ip=10.0.0.2,port=6379,state=online,offset=5277,lag=0`. */
export function readInfoReplication(reply: Reply): Replication | undefined {
  if (typeof reply !== 'string') return undefined;
  const offset = /^master_repl_offset:(\d{1,15})\s*$/m.exec(reply)?.[1];
  const lines = reply.matchAll(/^slave\d+:ip=([^,\r\n]+),port=(\d+)([^\r\n]*)/gm);
  return {
    offset: offset === undefined ? undefined : Number(offset),
    replicas: [...lines]
      .slice(0, mostReplicas)
      .flatMap(([, host = '', port = '', rest = '']) =>
        counted(host, port, /,offset=(\d{1,15})(?:,|$)/.exec(rest)?.[1]),
      ),
  };
}

function counted(host: string, port: string, offset: Reply | undefined): readonly CountedReplica[] {
  const endpoint = announcedEndpoint(host, port);
  if (!endpoint) return [];
  const isNumber = typeof offset === 'string' && /^\d{1,15}$/.test(offset);
  return [{ endpoint, offset: isNumber ? Number(offset) : undefined }];
}

function listIn(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? (reply as readonly Reply[]) : [];
}
