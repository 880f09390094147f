import { refusalMark, refusalWords } from '../../net/refusal.ts';
import { printable } from '../../printable.ts';
import { errnoWords, isOwnShortage } from '../../net/errno.ts';
import type { TunnelLimits } from './engine.ts';

export const shuttingDown = 'shutting down';

/** Sentinel would list the address of the replica as this host has it, where another server may listen, and make that one a replica. */
export const noReplication =
  'this listener carries no replication: point "replicaof" at the master itself, or set "allowReplication"';

/**
 * What a client is told that is refused for a reason that passes by itself: one RESP error. Whatever came into a reason from
 * outside must not end it early.
 */
export function refusalLine(reason: string): string {
  return lineOf(refusalWords.later, reason);
}

/** What a client is told that is refused until somebody changes the configuration, its own or that of the tunnel. */
export function denialLine(reason: string): string {
  return lineOf(refusalWords.never, reason);
}

function lineOf(word: string, reason: string): string {
  return `-${word} ${refusalMark}${printable(reason.replace(/[\r\n]+/g, ' '))}\r\n`;
}

/** Why nobody more is admitted to a tunnel. */
export function tunnelIsFull(name: string, most: number): string {
  return `the limit of ${String(most)} connections to "${name}" is reached`;
}

/** Why nobody more is admitted to any tunnel. */
export function wholeIsFull(most: number): string {
  return `the limit of ${String(most)} connections of the whole tunnel is reached`;
}

/** Why nobody more is accepted, whatever the configuration allows. @param most how many connections there are descriptors for */
export function descriptorsAreTaken(most: number): string {
  return `this host has file descriptors for ${String(most)} connections of the tunnel, and all are taken (ulimit -n)`;
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

/** @param why what was waited for in vain */
export function waitedInVain({ holdMs }: Pick<TunnelLimits, 'holdMs'>, why: string): string {
  return `${why}; waited ${String(holdMs)} ms`;
}
