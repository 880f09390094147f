import type { DatabaseConfig } from '../../config/types.ts';
import { replyTo, type Command, type ServerReplies } from '../../redis/query.ts';
import { ReplyError, type Reply } from '../../redis/resp.ts';
import { roleCommands, type Role, type RoleCommand } from '../../redis/role.ts';
import { masterCommands } from '../../sentinel/links/query.ts';
import type { Evidence } from './finding.ts';

export const infoServerCommand: Command = ['INFO', 'server'];
export const infoSentinelCommand: Command = ['INFO', 'sentinel'];
export const roleCommand: Command = ['ROLE'];
export const timeCommand: Command = ['TIME'];
export const minReplicasCommand: Command = ['CONFIG', 'GET', 'min-replicas-to-write'];

/** @returns what every Sentinel is queried for about a database */
export function commandsFor({ name }: Pick<DatabaseConfig, 'name'>): Readonly<Record<Query, Command>> {
  return {
    address: masterCommands.address(name),
    master: masterCommands.master(name),
    sentinels: masterCommands.sentinels(name),
    replicas: masterCommands.replicas(name),
    // Its only name before Redis 5.
    slaves: ['SENTINEL', 'SLAVES', name],
    quorum: ['SENTINEL', 'CKQUORUM', name],
  };
}
type Query = 'address' | 'master' | 'sentinels' | 'replicas' | 'slaves' | 'quorum';

/** @returns the text of an error reply; `undefined` where the reply is another, or there is none */
export function errorTo(replies: ServerReplies, command: Command): string | undefined {
  const reply = replyTo(replies, command);
  return reply instanceof ReplyError ? reply.text : undefined;
}

/** @returns the role that a server reports, and the command that it reports it to; `undefined` where it does not */
export function reportedRole(
  replies: ServerReplies,
): { readonly query: RoleCommand; readonly role: Role } | undefined {
  for (const query of roleCommands) {
    const reply = replyTo(replies, query.command);
    const role = reply === undefined ? undefined : query.read(reply);
    if (role) return { query, role };
  }
  return undefined;
}

/** @returns a command and its reply as evidence */
export function replyEvidence(replies: ServerReplies, command: Command): Evidence {
  const reply = replyTo(replies, command);
  const answered = reply === undefined ? (replies.failure?.text ?? 'nothing') : replyText(reply);
  return { by: replies.server, asked: command.join(' '), answered };
}

/** @returns as evidence that a connection failed */
export function connectEvidence({ server, failure }: ServerReplies): Evidence {
  return { by: server, asked: 'to connect', answered: failure?.text ?? 'connected' };
}

/** The most elements of a reply that are shown. */
const maxShown = 6;

/** A reply in one line for a person. */
function replyText(reply: Reply): string {
  if (reply === null) return '(nil)';
  if (reply instanceof ReplyError) return reply.text;
  if (typeof reply === 'string' || typeof reply === 'number') return String(reply).trim();
  const parts = reply.slice(0, maxShown).map(replyText);
  const more = reply.length > maxShown ? ` … (${String(reply.length)} in all)` : '';
  return `${parts.join(' ')}${more}`;
}
