import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import type { ListedSentinel } from '../links/answer.ts';

/** One known Sentinel. Seeds are configured and never dropped; the others are learnt: another Sentinel lists them. */
export interface Member {
  readonly endpoint: Endpoint;
  readonly isSeed: boolean;
  /** Its run id, where it is known: one Sentinel may have several addresses. */
  readonly id: string | undefined;
  /** Whether several Sentinels answer there, as behind a load balancer: each needs a link to its own address. */
  readonly isShared: boolean;
}

/** At most this many Sentinels are queried, however many are listed. */
export const maxMembers = 32;

/** @returns the roster of the configured Sentinels alone */
export function seedRoster(seeds: readonly Endpoint[]): readonly Member[] {
  return seeds.map((endpoint) => ({ endpoint, isSeed: true, id: undefined, isShared: false }));
}

/**
 * Changes the seeds, which come first. Known Sentinels stay, except those that are no longer seeds and, unless Sentinels
 * are to be discovered, the learnt ones. If none of the seeds was known, they may belong to another deployment: then the
 * learnt Sentinels go too, and are listed again where the deployment is the same.
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

/** Adds the listed Sentinels that are up and not in the roster, at the end. @returns the same object where there are none */
export function withListed(roster: readonly Member[], listed: readonly ListedSentinel[]): readonly Member[] {
  const next = [...roster];
  for (const { endpoint, id, isUp } of listed) {
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
 * Sets the run id of a member. Of several members that turn out to be one Sentinel only the seeds stay, or one learnt
 * member. No seed is dropped, because a host name may lead to another Sentinel the next time it is resolved; `votersOf` keeps
 * it from voting twice.
 */
export function withId(roster: readonly Member[], endpoint: Endpoint, id: string): readonly Member[] {
  const self = memberAt(roster, endpoint);
  if (!self) return roster;
  // An address at which several answer does not replace their own addresses.
  const aliases = roster.filter(
    (member) => member !== self && member.id === id && !member.isShared && !self.isShared,
  );
  const isDropped = (member: Member): boolean =>
    !member.isSeed && (member === self ? aliases.length > 0 : aliases.includes(member));
  if (self.id === id && !roster.some(isDropped)) return roster;
  return roster
    .filter((member) => !isDropped(member))
    .map((member) => (member === self ? { ...member, id } : member));
}

/** Notes that several Sentinels answer at one address. @returns the same object where that is known */
export function withShared(roster: readonly Member[], endpoint: Endpoint): readonly Member[] {
  const self = memberAt(roster, endpoint);
  if (!self || self.isShared) return roster;
  return roster.map((member) => (member === self ? { ...member, isShared: true } : member));
}

/**
 * Sets the run ids that others list for members which do not tell theirs: Redis before 6.2 and Redis Enterprise do not know
 * `SENTINEL MYID`, and an ACL may forbid it.
 */
export function withListedIds(
  roster: readonly Member[],
  listed: readonly ListedSentinel[],
): readonly Member[] {
  return listed.reduce((next, { endpoint, id }) => {
    const isMissing = id !== undefined && memberAt(next, endpoint)?.id === undefined;
    return isMissing ? withId(next, endpoint, id) : next;
  }, roster);
}

/** Removes a learnt member; a seed stays. */
export function withoutLearnt(roster: readonly Member[], endpoint: Endpoint): readonly Member[] {
  const key = formatEndpoint(endpoint);
  return roster.filter((member) => member.isSeed || formatEndpoint(member.endpoint) !== key);
}

/** Whether two rosters have the same members in the same order; their run ids may differ. */
export function sameRoster(a: readonly Member[], b: readonly Member[]): boolean {
  return a.length === b.length && a.every(({ endpoint }, index) => endpoint === b[index]?.endpoint);
}

function memberAt(roster: readonly Member[], endpoint: Endpoint): Member | undefined {
  const key = formatEndpoint(endpoint);
  return roster.find((member) => formatEndpoint(member.endpoint) === key);
}
