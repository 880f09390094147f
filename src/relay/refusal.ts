import { printable } from '../printable.ts';
import type { TunnelLimits } from './engine.ts';

export const shuttingDown = 'shutting down';

/** What a client is told that is refused: one RESP error. Whatever came into a reason from outside must not end it early. */
export function refusalLine(reason: string): string {
  return `-ERR sentinel-tunnel: ${printable(reason.replace(/[\r\n]+/g, ' '))}\r\n`;
}

/** Why nobody more is admitted to a tunnel. */
export function tunnelIsFull(name: string, most: number): string {
  return `the limit of ${String(most)} connections to "${name}" is reached`;
}

/** Why nobody more is admitted to any tunnel. */
export function wholeIsFull(most: number): string {
  return `the limit of ${String(most)} connections of the whole tunnel is reached`;
}

/** @param reason why there is something to wait for */
export function tooManyWait({ holdMax }: Pick<TunnelLimits, 'holdMax'>, reason: string): string {
  return `${String(holdMax)} connections are waiting already: ${reason}`;
}

export function unreached(name: string): string {
  return `the master of "${name}" cannot be reached`;
}

export function unanswered(name: string): string {
  return `the master of "${name}" has not answered`;
}

/** @param why what was waited for in vain */
export function waitedInVain({ holdMs }: Pick<TunnelLimits, 'holdMs'>, why: string): string {
  return `${why}; waited ${String(holdMs)} ms`;
}
