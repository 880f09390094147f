import { isRefusal } from '../net/refusal-reply.ts';
import { countedReplica, maxReplicas, readInfo, type Replication } from './info.ts';
import { asMap, ReplyError, type Reply } from './resp.ts';

/** What a server says it is. This can show that Sentinel is behind; it never overrules Sentinel. */
export type Role =
  | { readonly kind: 'master' }
  | { readonly kind: 'replica' }
  /** A replica of KeyDB that accepts writes and forwards them. It says so before it is promoted too, so it proves no promotion. */
  | { readonly kind: 'active-replica' }
  /** It answers, but does not say its role: no credentials, no permission, no such commands. */
  | { readonly kind: 'unverifiable'; readonly why: string }
  /** It does not answer, or is not a Redis server. */
  | {
      readonly kind: 'unusable';
      readonly why: string;
      /** Set where there is no route to the announced address from here. The server may run all the same. */
      readonly isAstray?: true;
    };

/** A command that asks a server for its role. */
export interface RoleCommand {
  readonly name: string;
  readonly command: readonly string[];
  /** @returns `undefined` where the reply does not say */
  readonly read: (reply: Reply) => Role | undefined;
}

/**
 * The commands that ask for a role, in the order in which they are tried. ROLE is in the category of dangerous commands,
 * and Redis Enterprise does not have it. Only an ACL of Redis 6.0 can forbid HELLO, where it also requires a version;
 * Redis before 6 does not have it (redis 7.0.15, acl.c, ACLSelectorCheckCmd; networking.c, helloCommand).
 */
export const roleCommands: readonly [RoleCommand, ...RoleCommand[]] = [
  { name: 'ROLE', command: ['ROLE'], read: readRole },
  { name: 'HELLO', command: ['HELLO', '2'], read: readHello },
  { name: 'INFO replication', command: ['INFO', 'replication'], read: readInfoRole },
];

/**
 * Reads the reply to ROLE: `[master, …]` or `[slave, …]`. KeyDB with several masters returns an array of such arrays, one
 * per master. A refusal line of a Sentinel Tunnel is not an ordinary error: a Sentinel that names a tunnel as master
 * would make the tunnel connect to itself.
 */
export function readRole(reply: Reply): Role | undefined {
  if (reply instanceof ReplyError) {
    return isRefusal(reply.text) ? { kind: 'unusable', why: 'it is a Sentinel Tunnel' } : undefined;
  }
  const [first = null] = arrayOf(reply);
  return roleNamed(Array.isArray(first) ? arrayOf(first)[0] : first);
}

/** Reads the reply to HELLO. A Sentinel has no `role` there. */
function readHello(reply: Reply): Role | undefined {
  const fields = asMap(reply);
  return roleNamed(fields.get('role') ?? fields.get('mode'));
}

function readInfoRole(reply: Reply): Role | undefined {
  return roleNamed(readInfo(reply).get('role'));
}

/** ROLE and INFO of Redis call a replica `slave`, HELLO calls it `replica`, Dragonfly uses both. */
function roleNamed(name: Reply | undefined): Role | undefined {
  switch (name) {
    case 'master':
    case 'replica':
    case 'active-replica':
      return { kind: name };
    case 'slave':
      return { kind: 'replica' };
    case 'sentinel':
      return { kind: 'unusable', why: 'it is a Sentinel' };
    default:
      return undefined;
  }
}

/**
 * The role of a server that answers, but does not say its role, by its first reply.
 *
 * Every error reply means "cannot be verified": with NOAUTH, NOPERM and an unknown command the server is alive and only
 * closed to us; with "max number of clients reached" or protected mode each client gets the same error from the server.
 */
export function roleFromError({ name }: RoleCommand, reply: Reply): Role {
  return reply instanceof ReplyError
    ? { kind: 'unverifiable', why: reply.text }
    : { kind: 'unusable', why: `its reply to ${name} is not valid` };
}

/**
 * Reads what a master says of its replication in its reply to ROLE: `[master, offset, [[host, port, offset], …]]`.
 * Dragonfly leaves the first offset out. The replicas are shown to people; no master is chosen among them.
 *
 * @returns `undefined` where the reply is not that of a master
 */
export function readReplication(reply: Reply): Replication | undefined {
  const [role, offset, ...more] = arrayOf(reply);
  if (role !== 'master') return undefined;
  const [replicas] = Array.isArray(offset) ? [offset] : more;
  return {
    offset: typeof offset === 'number' ? offset : undefined,
    replicas: arrayOf(replicas)
      .slice(0, maxReplicas)
      .flatMap((replica) => {
        const [host, port, acknowledged] = arrayOf(replica);
        return typeof host === 'string' && typeof port === 'string'
          ? countedReplica(host, port, acknowledged)
          : [];
      }),
  };
}

function arrayOf(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? (reply as readonly Reply[]) : [];
}
