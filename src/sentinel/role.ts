import type { Endpoint } from '../net/endpoint.ts';
import { announcedEndpoint } from './announced.ts';
import { ReplyError, type Reply } from './resp.ts';

/** What a server is by its own word. It can show that Sentinel is behind; it never overrules Sentinel. */
export type Role =
  | { readonly kind: 'master' }
  | { readonly kind: 'replica' }
  /** It answers, but ROLE is not for us: no credentials, no permission, no such command (Redis Enterprise). */
  | { readonly kind: 'unverifiable'; readonly why: string }
  /** It does not answer, or is no Redis server. */
  | {
      readonly kind: 'unusable';
      readonly why: string;
      /** Set where no way leads to the announced address from here, which is not to say that nobody is there. */
      readonly isAstray?: true;
    };

/**
 * Reads the reply to ROLE.
 *
 * Every error reply but our own (a Sentinel that names a tunnel would lead it to itself) counts as "cannot be verified": with NOAUTH, NOPERM and an unknown command the server is alive
 * and only ROLE is closed to us; with "max number of clients reached" or protected mode a client is told the same
 * by the server itself, which says it better than we could.
 */
export function readRole(reply: Reply): Role {
  if (reply instanceof ReplyError) {
    const isTunnel = reply.text.startsWith('ERR sentinel-tunnel:');
    return isTunnel
      ? { kind: 'unusable', why: 'it is a Sentinel Tunnel' }
      : { kind: 'unverifiable', why: reply.text };
  }
  const role: unknown = Array.isArray(reply) ? reply[0] : undefined;
  if (role === 'master') return { kind: 'master' };
  if (role === 'slave') return { kind: 'replica' };
  return {
    kind: 'unusable',
    why: role === 'sentinel' ? 'it is a Sentinel' : 'its answer to ROLE makes no sense',
  };
}

/** No more replicas of one master are shown than these. */
const mostReplicas = 64;

/**
 * The replicas that a master counts in its reply to ROLE: `[master, offset, [[host, port, offset], …]]`. They are for
 * people to see; no master is ever looked for among them.
 */
export function readReplicas(reply: Reply): readonly Endpoint[] {
  const [role, , replicas] = listIn(reply);
  if (role !== 'master') return [];
  return listIn(replicas)
    .slice(0, mostReplicas)
    .flatMap((replica) => {
      const [host, port] = listIn(replica);
      if (typeof host !== 'string' || typeof port !== 'string') return [];
      return announcedEndpoint(host, port) ?? [];
    });
}

function listIn(reply: Reply | undefined): readonly Reply[] {
  return Array.isArray(reply) ? (reply as readonly Reply[]) : [];
}
