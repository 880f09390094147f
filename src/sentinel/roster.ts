import { formatEndpoint, type Endpoint } from '../net/endpoint.ts';
import type { Named } from './words.ts';

/** One known Sentinel. Seeds are configured and never dropped; the others were named by one that answered. */
export interface Member {
  readonly endpoint: Endpoint;
  readonly isSeed: boolean;
  /** Run id, where it is known: the same Sentinel may be named under several addresses. */
  readonly id: string | undefined;
}

/** More than this many Sentinels are not asked, whatever is named. */
const maxMembers = 32;

export function seedRoster(seeds: readonly Endpoint[]): readonly Member[] {
  return seeds.map((endpoint) => ({ endpoint, isSeed: true, id: undefined }));
}

/** The roster with those that were named and are not in it, at the end. The same object where there are none. */
export function withNamed(roster: readonly Member[], named: readonly Named[]): readonly Member[] {
  const next = [...roster];
  for (const { endpoint, id, isUp } of named) {
    const key = formatEndpoint(endpoint);
    const isKnown = next.some(
      (member) => formatEndpoint(member.endpoint) === key || (id !== undefined && member.id === id),
    );
    if (!isUp || isKnown || next.length >= maxMembers) continue;
    next.push({ endpoint, isSeed: false, id });
  }
  return next.length === roster.length ? roster : next;
}

/**
 * The roster once a member has told its run id: another member that turns out to be the same Sentinel is dropped, a
 * learnt one rather than a seed, so that nobody votes twice.
 */
export function withId(roster: readonly Member[], endpoint: Endpoint, id: string): readonly Member[] {
  const key = formatEndpoint(endpoint);
  const self = roster.find((member) => formatEndpoint(member.endpoint) === key);
  if (!self) return roster;
  const twin = roster.find((member) => member !== self && member.id === id);
  if (self.id === id && !twin) return roster;
  // Two seeds that are one Sentinel both stay: a name may lead to another one the next time it is resolved.
  const dropped = [twin, self].find((member) => twin && member && !member.isSeed);
  return roster
    .filter((member) => member !== dropped)
    .map((member) => (member === self ? { ...member, id } : member));
}

/** The roster without a learnt member; a seed stays. */
export function withoutLearnt(roster: readonly Member[], endpoint: Endpoint): readonly Member[] {
  const key = formatEndpoint(endpoint);
  return roster.filter((member) => member.isSeed || formatEndpoint(member.endpoint) !== key);
}
