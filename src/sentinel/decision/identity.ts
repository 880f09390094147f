import type { ListedServer } from '../links/answer.ts';

/** The Sentinels and replicas that one Sentinel lists for a master. */
export interface PeerList {
  /** The address at which it was queried. */
  readonly sentinel: string;
  /** Its run id; `undefined` where it does not tell it (`SENTINEL MYID` exists since Redis 6.2). */
  readonly id: string | undefined;
  /** The run ids of the other Sentinels; `undefined` where the list could not be read. */
  readonly others: readonly string[] | undefined;
  /** The replicas. */
  readonly servers: readonly ListedServer[];
}

/**
 * Which Sentinels have a vote on one master. An address is not an identity: it may be reused by another deployment whose
 * master has the same name. A Sentinel that answers there with a run id that no other Sentinel lists is a stranger: it is
 * queried and shown, but has no vote.
 */
export interface Identities {
  /** The run ids of the deployment's Sentinels; `undefined` until its first master is adopted. */
  readonly trusted: ReadonlySet<string> | undefined;
  /** The run ids of its servers. */
  readonly servers: ReadonlySet<string>;
  /** By the run id of the Sentinel, or by its address where the run id is not known. */
  readonly peerLists: ReadonlyMap<string, PeerList>;
  /** Since when no trusted Sentinel has answered, in milliseconds on the belief's clock; `undefined` while one does. */
  readonly silentSinceMs: number | undefined;
  /** The addresses without a vote, and since when, in milliseconds on the belief's clock. */
  readonly strangers: ReadonlyMap<string, number>;
}

/** What is known before any Sentinel has answered. */
export const noIdentities: Identities = {
  trusted: undefined,
  servers: new Set(),
  peerLists: new Map(),
  silentSinceMs: undefined,
  strangers: new Map(),
};

/** One address of the roster, and the last answer from there. */
export interface Speaker {
  readonly sentinel: string;
  readonly isSeed: boolean;
  readonly id: string | undefined;
  /** Its address of the master, and the run id of that server where it tells it. */
  readonly master: string | undefined;
  readonly runId: string | undefined;
  /** Whether it names the believed master. */
  readonly isOfOurs: boolean;
  /** Whether it answers; a late answer may still come. */
  readonly isAnswering: boolean;
  readonly hasAnswered: boolean;
}

/**
 * Another group takes over the votes when the trusted Sentinels have been silent for this long, in milliseconds. A Sentinel
 * that is restarted is back by then.
 */
const graceMs = 5_000;
/** At most this many run ids of each kind are remembered, the latest: pods without a disk get a new one at each restart. */
const maxRemembered = 512;

/** Remembers the list of a Sentinel, in place of its last one. */
export function withPeerList(identities: Identities, list: PeerList): Identities {
  const peerLists = new Map(identities.peerLists);
  const key = list.id ?? list.sentinel;
  peerLists.delete(key);
  peerLists.set(key, list);
  for (const oldest of peerLists.keys()) {
    if (peerLists.size <= maxRemembered) break;
    peerLists.delete(oldest);
  }
  return { ...identities, peerLists };
}

/**
 * Decides who has a vote.
 *
 * - Until a master is adopted, Sentinels that know each other or name the same server form a group. The group with the most
 *   configured addresses votes; of equal ones the larger, then the one that is configured first.
 * - From then on a Sentinel is trusted if a trusted one lists it, or if it names a server that a trusted one has named.
 * - If no trusted Sentinel has answered for some seconds, and most configured addresses that ever answered belong to one
 *   other group, the deployment was replaced: that group votes from then on.
 *
 * @param isFounded whether a master is adopted
 */
export function recognized(
  identities: Identities,
  speakers: readonly Speaker[],
  isFounded: boolean,
  nowMs: number,
): Identities {
  const founders = (): readonly Speaker[] => foundersOf(identities, speakers);
  let next = identities;
  if (!isFounded) next = { ...identities, trusted: undefined };
  else if (identities.trusted) next = withTrusted(identities, speakers);
  else next = withTrusted({ ...identities, trusted: new Set(), servers: new Set() }, speakers, founders());
  const isKnown = (speaker: Speaker): boolean =>
    next.trusted ? isTrusted(next, speaker) : founders().includes(speaker);
  const isSilent = next.trusted !== undefined && !speakers.some((each) => each.isAnswering && isKnown(each));
  next = { ...next, silentSinceMs: isSilent ? (identities.silentSinceMs ?? nowMs) : undefined };
  if (isSilent && isOver(next, speakers, nowMs)) {
    const heirs = heirsOf(next, speakers);
    if (heirs.length > 0)
      next = withTrusted({ ...next, trusted: new Set(), servers: new Set() }, speakers, heirs);
  }
  return { ...next, strangers: strangersAmong(speakers, isKnown, identities.strangers, nowMs) };
}

/** Whether the trusted Sentinels have been silent for long, or are not in the roster any more. */
function isOver(
  { trusted, silentSinceMs }: Identities,
  speakers: readonly Speaker[],
  nowMs: number,
): boolean {
  const isListed = speakers.some(({ id }) => id !== undefined && trusted?.has(id));
  return !isListed || nowMs - (silentSinceMs ?? nowMs) >= graceMs;
}

/**
 * Whether an untrusted run id proves that its Sentinel is a stranger: a trusted Sentinel has listed its peers. If none has,
 * because it may not or has not had the time, the Sentinel may be one of ours.
 */
export function isKnownToBeStrange({ trusted, peerLists }: Identities, id: string): boolean {
  if (trusted === undefined || trusted.size === 0 || trusted.has(id)) return false;
  return [...peerLists.values()].some(
    (list) => list.others !== undefined && list.id !== undefined && trusted.has(list.id),
  );
}

/** Whether the answers contradict each other, and one of the Sentinels has not listed its peers yet. */
export function isAmbiguous(identities: Identities, speakers: readonly Speaker[]): boolean {
  const answering = speakers.filter(isNaming);
  if (groupsOf(identities, answering).length < 2) return false;
  return answering.some((speaker) => peerListOf(identities, speaker) === undefined);
}

function isTrusted(identities: Identities, speaker: Speaker): boolean {
  const { trusted, servers, peerLists } = identities;
  // A single Sentinel before Redis 6.2 tells no run id and lists no other Sentinel.
  if (!trusted || trusted.size === 0 || !speaker.hasAnswered) return true;
  const { id, runId } = speaker;
  // A Sentinel does not know the run id of a server before its first INFO, and an ACL may forbid us to read it.
  if (runId === undefined && speaker.isOfOurs) return true;
  if (runId !== undefined && servers.has(runId)) return true;
  if (id !== undefined)
    return (
      trusted.has(id) || (speaker.isAnswering && runId === undefined && !isKnownToBeStrange(identities, id))
    );
  // Without a run id, a Sentinel is a stranger only if neither the Sentinels nor the server that it names are known.
  const others = peerListOf({ peerLists }, speaker)?.others;
  if (others === undefined || runId === undefined) return true;
  return others.some((other) => trusted.has(other));
}

/** Trusts everything that the trusted Sentinels list, and so on. */
function withTrusted(
  before: Identities,
  speakers: readonly Speaker[],
  founders: readonly Speaker[] = [],
): Identities {
  const trusted = new Set(before.trusted);
  const servers = new Set(before.servers);
  const pending = new Set(speakers.filter(({ hasAnswered }) => hasAnswered));
  const admit = (speaker: Speaker): void => {
    pending.delete(speaker);
    const list = peerListOf(before, speaker);
    for (const id of [speaker.id, ...(list?.others ?? [])]) if (id !== undefined) trusted.add(id);
    const runIds = [speaker.runId, ...(list?.servers ?? []).map(({ runId }) => runId)];
    for (const runId of runIds) if (runId !== undefined) servers.add(runId);
  };
  for (const founder of founders) admit(founder);
  for (let known = -1; known !== pending.size;) {
    known = pending.size;
    for (const speaker of pending) if (isTrusted({ ...before, trusted, servers }, speaker)) admit(speaker);
  }
  // The oldest are forgotten first, but none that answers.
  for (const { id, isAnswering } of speakers) {
    if (id === undefined || !isAnswering || !trusted.delete(id)) continue;
    trusted.add(id);
  }
  const isSame = trusted.size === before.trusted?.size && servers.size === before.servers.size;
  return isSame ? before : { ...before, trusted: latest(trusted), servers: latest(servers) };
}

/** The Sentinels that vote while none is trusted yet. */
function foundersOf(identities: Identities, speakers: readonly Speaker[]): readonly Speaker[] {
  const [first, ...others] = groupsOf(identities, speakers.filter(isNaming));
  const best = others.reduce((best, group) => (isLarger(group, best) ? group : best), first ?? []);
  // A Sentinel that has not answered, or not with a master, is not a stranger.
  return [...best, ...speakers.filter((speaker) => !isNaming(speaker))];
}

/** The group at most of the configured addresses, or none. */
function heirsOf(identities: Identities, speakers: readonly Speaker[]): readonly Speaker[] {
  const seeds = speakers.filter(({ isSeed, hasAnswered }) => isSeed && hasAnswered);
  const groups = groupsOf(identities, speakers.filter(isNaming));
  return groups.find((group) => seedsIn(group) * 2 > seeds.length) ?? [];
}

/** Groups of Sentinels that know each other, name the same server, or cannot be told apart; in order of preference. */
function groupsOf(identities: Identities, speakers: readonly Speaker[]): readonly (readonly Speaker[])[] {
  let groups: (readonly Speaker[])[] = [];
  for (const speaker of speakers) {
    const isOfIt = (group: readonly Speaker[]): boolean =>
      group.some((other) => areRelated(identities, speaker, other));
    const related = groups.filter(isOfIt);
    const joined = [...related.flat(), speaker];
    const [at = joined] = related;
    groups = groups.includes(at)
      ? groups.flatMap((group) => (group === at ? [joined] : related.includes(group) ? [] : [group]))
      : [...groups, joined];
  }
  return groups;
}

function areRelated(identities: Identities, a: Speaker, b: Speaker): boolean {
  if (a.id === undefined || b.id === undefined || a.id === b.id) return true;
  if (a.master === b.master || (a.runId !== undefined && a.runId === b.runId)) return true;
  const [knownToA, knownToB] = [a, b].map(
    (speaker) => new Set([speaker.id, ...(peerListOf(identities, speaker)?.others ?? [])]),
  );
  return [...(knownToA ?? [])].some((id) => knownToB?.has(id));
}

function isLarger(group: readonly Speaker[], than: readonly Speaker[]): boolean {
  return seedsIn(group) === seedsIn(than) ? group.length > than.length : seedsIn(group) > seedsIn(than);
}

/** How many Sentinels of a group are configured. One with several configured addresses counts once. */
function seedsIn(group: readonly Speaker[]): number {
  return new Set(group.filter(({ isSeed }) => isSeed).map(({ id, sentinel }) => id ?? sentinel)).size;
}

/** Whether it answers with an address. */
function isNaming({ isAnswering, master }: Speaker): boolean {
  return isAnswering && master !== undefined;
}

function peerListOf(
  { peerLists }: Pick<Identities, 'peerLists'>,
  { id, sentinel }: Speaker,
): PeerList | undefined {
  return peerLists.get(id ?? sentinel);
}

function strangersAmong(
  speakers: readonly Speaker[],
  isKnown: (speaker: Speaker) => boolean,
  before: ReadonlyMap<string, number>,
  nowMs: number,
): ReadonlyMap<string, number> {
  const strangers = new Map<string, number>();
  for (const speaker of speakers)
    if (!isKnown(speaker)) strangers.set(speaker.sentinel, before.get(speaker.sentinel) ?? nowMs);
  const isSame = strangers.size === before.size && [...strangers.keys()].every((key) => before.has(key));
  return isSame ? before : strangers;
}

function latest(ids: ReadonlySet<string>): ReadonlySet<string> {
  return ids.size <= maxRemembered ? ids : new Set([...ids].slice(-maxRemembered));
}
