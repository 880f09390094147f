import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import type { Belief } from './belief.ts';
import { isSame, voters } from './tally.ts';

/** A server that the Sentinels list as a replica, and that the master does not count among its own. */
export interface AbsentServer {
  readonly endpoint: Endpoint;
  /** `down`: so say the Sentinels. `apart`: it is up, and does not replicate from the master. */
  readonly state: 'down' | 'apart';
}

/**
 * The servers that are known and missing. For people to see; nothing is decided by it.
 *
 * @param connected the replicas that the master counts; `undefined` where it does not tell
 */
export function absentServers(
  belief: Belief,
  connected: readonly Endpoint[] | undefined,
): readonly AbsentServer[] {
  const { adopted, fence, identities, reports } = belief;
  if (!adopted || fence || !connected) return [];
  const present = [adopted.endpoint, ...connected];
  const absent = new Map<string, AbsentServer>();
  for (const sentinel of voters(belief)) {
    const id = reports.get(sentinel)?.id;
    for (const { endpoint, isUp } of identities.introductions.get(id ?? sentinel)?.servers ?? []) {
      if (present.some((each) => isSame(belief, each, endpoint))) continue;
      const known = [...absent.values()].find((each) => isSame(belief, each.endpoint, endpoint));
      const key = formatEndpoint(known?.endpoint ?? endpoint);
      // One voice that reaches it is enough: it is the others that are cut off from it.
      const state = isUp || known?.state === 'apart' ? 'apart' : 'down';
      absent.set(key, { endpoint: known?.endpoint ?? endpoint, state });
    }
  }
  return [...absent.values()];
}
