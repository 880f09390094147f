import { TunnelError } from '../errors.ts';
import { defaultAdminAddresses } from '../net/admin-address.ts';
import { formatListenAddress, type ListenAddress } from '../net/endpoint.ts';
import { AdminClient } from './admin-client.ts';

/** A probe is answered within a second, unless this machine is very busy, in milliseconds. */
const answerMs = 3_000;

/**
 * Where a tunnel listens whose configuration says nothing of its admin listener: on the usual port, or on the next that was free. Each
 * is asked for its probe, without a token.
 *
 * @returns the usual address where none answers: there it is missed
 * @throws TunnelError `ST_USAGE` where several answer: which one is meant has to be said
 */
export async function findAdmin(): Promise<ListenAddress> {
  const answers = await Promise.all(defaultAdminAddresses.map(isTunnelAt));
  const found = defaultAdminAddresses.filter((_, at) => answers[at]);
  if (found.length <= 1) return found[0] ?? defaultAdminAddresses[0];
  const list = found.map(formatListenAddress).join(', ');
  throw new TunnelError('ST_USAGE', `Several tunnels answer here, at ${list}: say which one with --admin`);
}

async function isTunnelAt(address: ListenAddress): Promise<boolean> {
  try {
    const { text } = await new AdminClient({ address, token: undefined }).ask('/livez', {
      withinMs: answerMs,
    });
    const { live } = JSON.parse(text) as { readonly live?: unknown };
    return typeof live === 'boolean';
  } catch {
    return false; // nobody, or another program
  }
}
