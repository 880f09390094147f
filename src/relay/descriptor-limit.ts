import { readFileSync } from 'node:fs';

/** Both sockets of a session. */
const descriptorsPerSession = 2;

/** How many descriptors sessions need, and how many there may be. */
export interface Shortage {
  readonly needed: number;
  readonly limit: number;
}

/**
 * Whether this process may not open enough descriptors for that many sessions. Told where the limit can be read: on
 * Linux (proc(5)). Node raises its own to the hard limit when it starts.
 */
export function shortageFor(connections: number): Shortage | undefined {
  const limit = descriptorLimit();
  const needed = connections * descriptorsPerSession;
  return limit !== undefined && limit < needed ? { needed, limit } : undefined;
}

function descriptorLimit(): number | undefined {
  try {
    const [, soft] = /^Max open files\s+(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
    return soft === undefined ? undefined : Number(soft); // or it is "unlimited"
  } catch {
    return undefined; // not Linux, or hidden by a sandbox
  }
}
