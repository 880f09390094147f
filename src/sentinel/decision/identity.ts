import type { WatchedServer } from '../links/announcement.ts';

/** Who a Sentinel is, and whom it knows as part of the same deployment. */
export interface Introduction {
  /** The address at which it was asked. */
  readonly sentinel: string;
  /** Its run id; `undefined` where it does not tell (`SENTINEL MYID` is known since Redis 6.2). */
  readonly id: string | undefined;
  /** The run ids of the other Sentinels that it names for this master; `undefined` where it does not tell. */
  readonly others: readonly string[] | undefined;
  /** The replicas that it names for this master. */
  readonly servers: readonly WatchedServer[];
}

/**
 * Who may speak of one master. An address is no identity: it may be given to another deployment that calls its master the
 * same. A Sentinel that answers there under a run id that nobody knows is a stranger: it is listened to and shown, and has
 * no vote.
 */
export interface Identities {
  /** The run ids of the deployment's Sentinels; `undefined` until its first master is adopted. */
  readonly trusted: ReadonlySet<string> | undefined;
  /** The run ids of its servers. */
  readonly servers: ReadonlySet<string>;
  /** By the run id of the Sentinel, or its address where that is not told. */
  readonly introductions: ReadonlyMap<string, Introduction>;
  /** Since when no trusted one has answered, in milliseconds on the belief's clock; `undefined` while one does. */
  readonly silentSinceMs: number | undefined;
  /** The addresses that have no vote, and since when, in milliseconds on the belief's clock. */
  readonly strangers: ReadonlyMap<string, number>;
}

export const nobody: Identities = {
  trusted: undefined,
  servers: new Set(),
  introductions: new Map(),
  silentSinceMs: undefined,
  strangers: new Map(),
};

/** One address of the roster, and what was heard there last. */
export interface Speaker {
  readonly sentinel: string;
  readonly isSeed: boolean;
  readonly id: string | undefined;
  /** Where it has the master, and that server's run id where it tells. */
  readonly master: string | undefined;
  readonly runId: string | undefined;
  /** Whether it names the master that is believed in. */
  readonly isOfOurs: boolean;
  /** Whether its latest word is an answer; one that is late may still give it. */
  readonly isAnswering: boolean;
  readonly hasAnswered: boolean;
}

/**
 * Where others than the trusted ones are to speak for the deployment, the trusted ones have been silent for so long, in
 * milliseconds: one that is merely restarted is back by then.
 */
const graceMs = 5_000;
/** The latest run ids of each kind are remembered: pods without a disk have a new one after every restart. */
const mostRemembered = 512;

/** Takes in an introduction. */
export function withIntroduction(identities: Identities, introduction: Introduction): Identities {
  const introductions = new Map(identities.introductions);
  const key = introduction.id ?? introduction.sentinel;
  introductions.delete(key);
  introductions.set(key, introduction);
  for (const oldest of introductions.keys()) {
    if (introductions.size <= mostRemembered) break;
    introductions.delete(oldest);
  }
  return { ...identities, introductions };
}

/**
 * Decides who may speak.
 *
 * - Until a master is adopted, those who know each other, or name the same server, stand against those who do not; the
 *   group with the most configured addresses speaks, then the larger one, then the one that is configured first.
 * - From then on one is trusted that a trusted one names, or that names a server which a trusted one has named.
 * - Where no trusted one has answered for some seconds and most configured addresses that ever answered have come to be of one other
 *   group, everything was deployed again: that group speaks from then on.
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
  else if (identities.trusted) next = acquainted(identities, speakers);
  else next = acquainted({ ...identities, trusted: new Set(), servers: new Set() }, speakers, founders());
  const isKnown = (speaker: Speaker): boolean =>
    next.trusted ? isTrusted(next, speaker) : founders().includes(speaker);
  const isSilent = next.trusted !== undefined && !speakers.some((each) => each.isAnswering && isKnown(each));
  next = { ...next, silentSinceMs: isSilent ? (identities.silentSinceMs ?? nowMs) : undefined };
  if (isSilent && isOver(next, speakers, nowMs)) {
    const heirs = heirsOf(next, speakers);
    if (heirs.length > 0)
      next = acquainted({ ...next, trusted: new Set(), servers: new Set() }, speakers, heirs);
  }
  return { ...next, strangers: strangersAmong(speakers, isKnown, identities.strangers, nowMs) };
}

/** Whether the trusted ones have been silent for long, or are not even listed any more. */
function isOver(
  { trusted, silentSinceMs }: Identities,
  speakers: readonly Speaker[],
  nowMs: number,
): boolean {
  const isListed = speakers.some(({ id }) => id !== undefined && trusted?.has(id));
  return !isListed || nowMs - (silentSinceMs ?? nowMs) >= graceMs;
}

/**
 * Whether a run id that is not trusted speaks against its Sentinel: a trusted one has said whom it knows. Where none has, for
 * want of permission or of time, nobody can say that the Sentinel is not one of ours.
 */
export function isKnownNotToBeOurs({ trusted, introductions }: Identities, id: string): boolean {
  if (trusted === undefined || trusted.size === 0 || trusted.has(id)) return false;
  return [...introductions.values()].some(
    (introduction) =>
      introduction.others !== undefined && introduction.id !== undefined && trusted.has(introduction.id),
  );
}

/** Whether those who answered contradict each other, and one of them has not yet been asked whom it knows. */
export function isPuzzling(identities: Identities, speakers: readonly Speaker[]): boolean {
  const answering = speakers.filter(isNaming);
  if (groupsOf(identities, answering).length < 2) return false;
  return answering.some((speaker) => introductionOf(identities, speaker) === undefined);
}

function isTrusted(identities: Identities, speaker: Speaker): boolean {
  const { trusted, servers, introductions } = identities;
  // Sentinels before Redis 6.2 neither say who they are nor, where there is but one, name another.
  if (!trusted || trusted.size === 0 || !speaker.hasAnswered) return true;
  const { id, runId } = speaker;
  // A Sentinel does not know the run id of a server before its first INFO, and may not be allowed to tell it.
  if (runId === undefined && speaker.isOfOurs) return true;
  if (runId !== undefined && servers.has(runId)) return true;
  if (id !== undefined)
    return (
      trusted.has(id) || (speaker.isAnswering && runId === undefined && !isKnownNotToBeOurs(identities, id))
    );
  // It does not say who it is: there is evidence against it only where it names others, and a server, that nobody knows.
  const others = introductionOf({ introductions }, speaker)?.others;
  if (others === undefined || runId === undefined) return true;
  return others.some((other) => trusted.has(other));
}

/** The identities once everybody who is trusted has said whom and what it knows. */
function acquainted(
  before: Identities,
  speakers: readonly Speaker[],
  founders: readonly Speaker[] = [],
): Identities {
  const trusted = new Set(before.trusted);
  const servers = new Set(before.servers);
  const pending = new Set(speakers.filter(({ hasAnswered }) => hasAnswered));
  const admit = (speaker: Speaker): void => {
    pending.delete(speaker);
    const introduction = introductionOf(before, speaker);
    for (const id of [speaker.id, ...(introduction?.others ?? [])]) if (id !== undefined) trusted.add(id);
    const runIds = [speaker.runId, ...(introduction?.servers ?? []).map(({ runId }) => runId)];
    for (const runId of runIds) if (runId !== undefined) servers.add(runId);
  };
  for (const founder of founders) admit(founder);
  for (let known = -1; known !== pending.size;) {
    known = pending.size;
    for (const speaker of pending) if (isTrusted({ ...before, trusted, servers }, speaker)) admit(speaker);
  }
  // The oldest are forgotten first, and none of those that answer.
  for (const { id, isAnswering } of speakers) {
    if (id === undefined || !isAnswering || !trusted.delete(id)) continue;
    trusted.add(id);
  }
  const isSame = trusted.size === before.trusted?.size && servers.size === before.servers.size;
  return isSame ? before : { ...before, trusted: latest(trusted), servers: latest(servers) };
}

/** Who speaks while nobody is trusted yet. */
function foundersOf(identities: Identities, speakers: readonly Speaker[]): readonly Speaker[] {
  const [first, ...others] = groupsOf(identities, speakers.filter(isNaming));
  const best = others.reduce((best, group) => (isLarger(group, best) ? group : best), first ?? []);
  // Those who have said nothing yet, or nothing that tells who they are, are nobody's strangers.
  return [...best, ...speakers.filter((speaker) => !isNaming(speaker))];
}

/** Those strangers who speak for most configured addresses, where there are such. */
function heirsOf(identities: Identities, speakers: readonly Speaker[]): readonly Speaker[] {
  const seeds = speakers.filter(({ isSeed, hasAnswered }) => isSeed && hasAnswered);
  const groups = groupsOf(identities, speakers.filter(isNaming));
  return groups.find((group) => seedsIn(group) * 2 > seeds.length) ?? [];
}

/** Those who know each other, name the same server, or cannot be told apart; in order of preference. */
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
    (speaker) => new Set([speaker.id, ...(introductionOf(identities, speaker)?.others ?? [])]),
  );
  return [...(knownToA ?? [])].some((id) => knownToB?.has(id));
}

function isLarger(group: readonly Speaker[], than: readonly Speaker[]): boolean {
  return seedsIn(group) === seedsIn(than) ? group.length > than.length : seedsIn(group) > seedsIn(than);
}

/** How many Sentinels of a group are configured. One that is configured under several addresses is one. */
function seedsIn(group: readonly Speaker[]): number {
  return new Set(group.filter(({ isSeed }) => isSeed).map(({ id, sentinel }) => id ?? sentinel)).size;
}

/** Whether it answers with a master of its own. */
function isNaming({ isAnswering, master }: Speaker): boolean {
  return isAnswering && master !== undefined;
}

function introductionOf(
  { introductions }: Pick<Identities, 'introductions'>,
  { id, sentinel }: Speaker,
): Introduction | undefined {
  return introductions.get(id ?? sentinel);
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
  return ids.size <= mostRemembered ? ids : new Set([...ids].slice(-mostRemembered));
}
