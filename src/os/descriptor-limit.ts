import { readFileSync } from 'node:fs';

/** How many file descriptors this process may open, and how they are shared out before the first client is accepted. */
export interface DescriptorBudget {
  readonly limit: number;
  /** Kept for Sentinels, probes, operators, the log and whatever else the process itself opens. */
  readonly reserved: number;
  /** How many connections of clients the rest is enough for. */
  readonly connections: number;
}

/**
 * How many file descriptors a process may open: its soft limit, which Node raises to the hard one when it starts.
 * Known on Linux (proc(5)); `undefined` elsewhere, and where there is none.
 */
export function descriptorLimit(pid: number | 'self' = 'self'): number | undefined {
  try {
    const limits = readFileSync(`/proc/${String(pid)}/limits`, 'utf8');
    const [, soft] = /^Max open files\s+(\d+)/m.exec(limits) ?? [];
    return soft === undefined ? undefined : Number(soft); // or it is "unlimited"
  } catch {
    return undefined; // not Linux, or hidden by a sandbox
  }
}
