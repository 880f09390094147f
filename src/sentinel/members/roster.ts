import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import type { Named } from '../links/announcement.ts';

/** One known Sentinel. Seeds are configured and never dropped; the others were named by one that answered. */
export interface Member {
  readonly endpoint: Endpoint;
  readonly isSeed: boolean;
  /** Run id, where it is known: the same Sentinel may be named under several addresses. */
  readonly id: string | undefined;
  /** Whether several Sentinels answer there, as behind a load balancer: each is to be heard at its own address. */
  readonly isShared: boolean;
}

/** More than this many Sentinels are not asked, whatever is named. */
export const maxMembers = 32;

/** The roster of those that are configured and nobody else. */
export function seedRoster(seeds: readonly Endpoint[]): readonly Member[] {
  return seeds.map((endpoint) => ({ endpoint, isSeed: true, id: undefined, isShared: false }));
}

/**
 * The roster under other seeds, which come first. Who is known stays known, but for those that are no seeds any more
 * and, unless Sentinels are to be discovered, those that were learnt. Where not one of the seeds was known, they may be those
 * of another deployment: whoever was learnt goes too, and is named again where it is the same.
 */
export function reseeded(
  roster: readonly Member[],
  seeds: readonly Endpoint[],
  isDiscovering: boolean,
): readonly Member[] {
  const known = new Map(roster.map((member) => [formatEndpoint(member.endpoint), member]));
  const seeded = seedRoster(seeds).map((seed) => {
    const before = known.get(formatEndpoint(seed.endpoint));
    return before ? { ...before, isSeed: true } : seed;
  });
  const keys = new Set(seeds.map(formatEndpoint));
  const learnt = roster.filter(({ endpoint, isSeed }) => !isSeed && !keys.has(formatEndpoint(endpoint)));
  const isNew = seeds.every((seed) => !known.has(formatEndpoint(seed)));
  return isDiscovering && !isNew ? [...seeded, ...learnt] : seeded;
}

/** The roster with those that were named and are not in it, at the end. The same object where there are none. */
export function withNamed(roster: readonly Member[], named: readonly Named[]): readonly Member[] {
  const next = [...roster];
  for (const { endpoint, id, isUp } of named) {
    const key = formatEndpoint(endpoint);
    const isKnown = next.some(
      (member) =>
        formatEndpoint(member.endpoint) === key || (id !== undefined && member.id === id && !member.isShared),
    );
    if (!isUp || isKnown || next.length >= maxMembers) continue;
    next.push({ endpoint, isSeed: false, id, isShared: false });
  }
  return next.length === roster.length ? roster : next;
}

/**
 * The roster once a member has told its run id. Of several members that turn out to be one Sentinel only the seeds
 * stay, or one of the learnt: a name may lead to another Sentinel the next time it is resolved, so no seed is dropped;
 * see `votersOf` for why it still does not vote twice.
 */
export function withId(roster: readonly Member[], endpoint: Endpoint, id: string): readonly Member[] {
  const self = memberAt(roster, endpoint);
  if (!self) return roster;
  // An address at which several answer says nothing against those of their own.
  const twins = roster.filter(
    (member) => member !== self && member.id === id && !member.isShared && !self.isShared,
  );
  const isDropped = (member: Member): boolean =>
    !member.isSeed && (member === self ? twins.length > 0 : twins.includes(member));
  if (self.id === id && !roster.some(isDropped)) return roster;
  return roster
    .filter((member) => !isDropped(member))
    .map((member) => (member === self ? { ...member, id } : member));
}

/** The roster once several Sentinels have answered at one address. The same object where that is known. */
export function withShared(roster: readonly Member[], endpoint: Endpoint): readonly Member[] {
  const self = memberAt(roster, endpoint);
  if (!self || self.isShared) return roster;
  return roster.map((member) => (member === self ? { ...member, isShared: true } : member));
}

/**
 * The roster with the run ids by which others name its members, for those that do not tell theirs: Redis before 6.2
 * and Redis Enterprise do not know `SENTINEL MYID`, and an ACL may forbid it.
 */
export function withNamedIds(roster: readonly Member[], named: readonly Named[]): readonly Member[] {
  return named.reduce((next, { endpoint, id }) => {
    const isMissing = id !== undefined && memberAt(next, endpoint)?.id === undefined;
    return isMissing ? withId(next, endpoint, id) : next;
  }, roster);
}

/** The roster without a learnt member; a seed stays. */
export function withoutLearnt(roster: readonly Member[], endpoint: Endpoint): readonly Member[] {
  const key = formatEndpoint(endpoint);
  return roster.filter((member) => member.isSeed || formatEndpoint(member.endpoint) !== key);
}

/** Whether two rosters have the same members in the same order; what is known of each may differ. */
export function sameRoster(a: readonly Member[], b: readonly Member[]): boolean {
  return a.length === b.length && a.every(({ endpoint }, index) => endpoint === b[index]?.endpoint);
}

function memberAt(roster: readonly Member[], endpoint: Endpoint): Member | undefined {
  const key = formatEndpoint(endpoint);
  return roster.find((member) => formatEndpoint(member.endpoint) === key);
}
