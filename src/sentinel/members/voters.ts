import { formatEndpoint } from '../../net/endpoint.ts';
import type { Member } from './roster.ts';

/** Those of a roster that vote, and the seeds that do not because another address of the same Sentinel does. */
export interface Voters {
  readonly keys: readonly string[];
  /** By the address that has no vote, the one that has it. */
  readonly twins: ReadonlyMap<string, string>;
}

/**
 * Who votes, in order of preference: one address per Sentinel, however many lead to it. A majority of addresses would
 * be no majority of Sentinels.
 *
 * @param counts whether the word of a learnt member counts yet
 * @param isUp whether an address answers: another one of the same Sentinel has its vote meanwhile
 */
export function votersOf(
  roster: readonly Member[],
  counts: (key: string) => boolean,
  isUp: (key: string) => boolean,
): Voters {
  const members = roster
    .map((member) => ({ ...member, key: formatEndpoint(member.endpoint) }))
    .filter(({ key, isSeed }) => isSeed || counts(key));
  const twins = new Map<string, string>();
  for (const { key, id } of members) {
    const same = members.filter((member) => id !== undefined && member.id === id);
    const up = same.filter((member) => isUp(member.key));
    // Where several answer, it may be another one the next time.
    const voter = up.find(({ isShared }) => !isShared) ?? up[0] ?? same[0];
    if (voter && voter.key !== key) twins.set(key, voter.key);
  }
  return { keys: members.map(({ key }) => key).filter((key) => !twins.has(key)), twins };
}
