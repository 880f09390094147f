import { errnoWords, isOwnShortage } from '../../net/errno.ts';
import type { TunnelLimits } from './engine.ts';

/** Why nobody is admitted any more. */
export const shuttingDown = 'shutting down';

/** Sentinel would list the address of the replica as this host sees it, where another server may listen, and would make that one a replica. */
export const noReplication =
  'this listener carries no replication: point "replicaof" at the master itself, or set "allowReplication"';

/** Why nobody more is admitted to a tunnel. */
export function tunnelIsFull(name: string, most: number): string {
  return `the limit of ${String(most)} connections to "${name}" is reached`;
}

/** Why nobody more is admitted to any tunnel. */
export function totalIsFull(most: number): string {
  return `the limit of ${String(most)} connections of the whole tunnel is reached`;
}

/** @param reason why there is something to wait for */
export function tooManyWait({ holdMax }: Pick<TunnelLimits, 'holdMax'>, reason: string): string {
  return `${String(holdMax)} connections are waiting already: ${reason}`;
}

/** @param code the errno name of the last failure */
export function unreached(name: string, code: string): string {
  if (isOwnShortage(code)) return `cannot connect to the master of "${name}": ${errnoWords(code)}`;
  return `the master of "${name}" cannot be reached`;
}

export function unanswered(name: string): string {
  return `the master of "${name}" has not answered`;
}

/** @param why what did not come */
export function waitedTooLong({ holdMs }: Pick<TunnelLimits, 'holdMs'>, why: string): string {
  return `${why}; waited ${String(holdMs)} ms`;
}
