import { formatEndpoint, sameEndpoint, type Endpoint } from '../../net/endpoint.ts';

/** One Sentinel's word for an address, fresh enough to count. Given in order of preference, seeds first. */
export interface Vote {
  readonly sentinel: string;
  readonly endpoint: Endpoint;
  readonly epoch: number | undefined;
}

/** An address taken for the master's, and the newest epoch under which it was answered. */
export interface Adopted {
  readonly endpoint: Endpoint;
  readonly epoch: number | undefined;
  /** The Sentinel whose word decided. */
  readonly by: string;
}

/**
 * Which address the votes make the master's.
 *
 * Highest epoch first, then most votes, then order of preference. One voice with a higher epoch than the adopted one
 * is enough: only a majority can have given it. Leaving the adopted address at the same or an unknown epoch takes a
 * majority of the known Sentinels, so that a stale minority heard alone cannot lead back to a deposed master. At a
 * lower epoch (an operator's REMOVE and MONITOR begin again at 0) all who answer must agree as well. An epoch that is
 * not known is neither older nor newer than another.
 *
 * @param known how many Sentinels there are that could know this master, answering or not
 * @returns the adopted address, the same object where nothing changes
 */
export function choose(
  votes: readonly Vote[],
  adopted: Adopted | undefined,
  known: number,
): Adopted | undefined {
  const parties = partiesOf(votes);
  const best = preferred(parties);
  if (!best) return adopted;
  // Where the adopted epoch was not known, it may be known by now.
  const inUse = adopted ? parties.find(({ endpoint }) => sameEndpoint(endpoint, adopted.endpoint)) : best;
  const epochNow = adopted?.epoch ?? inUse?.epoch;
  const newest = preferred(newerThan(parties, epochNow));
  if (newest) return choiceOf(newest);
  if (!adopted) return choiceOf(best);
  const isMajority = best.votes * 2 > known;
  if (sameEndpoint(best.endpoint, adopted.endpoint)) {
    if (best.epoch === adopted.epoch || best.epoch === undefined) return adopted;
    const isLearnt = adopted.epoch === undefined;
    return isLearnt || (isMajority && best.votes === votes.length) ? choiceOf(best) : adopted;
  }
  const isLower = epochNow !== undefined && best.epoch !== epochNow;
  return isMajority && (!isLower || best.votes === votes.length) ? choiceOf(best) : adopted;
}

/** Whether `a` is the newer of two epochs that are both known. */
export function isNewerEpoch(a: number | undefined, b: number | undefined): boolean {
  return a !== undefined && b !== undefined && a > b;
}

/** All who name one address. */
interface Party {
  readonly endpoint: Endpoint;
  /** Who gave the newest epoch, the first of them in order of preference. */
  readonly by: string;
  readonly epoch: number | undefined;
  readonly votes: number;
}

function choiceOf({ endpoint, epoch, by }: Party): Adopted {
  return { endpoint, epoch, by };
}

/** In the order of preference of the first who names each address. */
function partiesOf(votes: readonly Vote[]): readonly Party[] {
  const parties = new Map<string, Party>();
  for (const { endpoint, epoch, sentinel } of votes) {
    const key = formatEndpoint(endpoint);
    const party = parties.get(key);
    const isNewer = party?.epoch === undefined ? epoch !== undefined : isNewerEpoch(epoch, party.epoch);
    parties.set(key, {
      endpoint,
      epoch: !party || isNewer ? epoch : party.epoch,
      by: !party || isNewer ? sentinel : party.by,
      votes: (party?.votes ?? 0) + 1,
    });
  }
  return [...parties.values()];
}

function newerThan(parties: readonly Party[], than: number | undefined): readonly Party[] {
  return parties.filter(({ epoch }) => isNewerEpoch(epoch, than));
}

/** Highest epoch, most votes, order of preference. Nobody who is told is newer than the one it gives. */
function preferred(parties: readonly Party[]): Party | undefined {
  let best: Party | undefined;
  for (const party of parties) {
    if (!best || isNewerEpoch(party.epoch, best.epoch)) best = party;
    else if (!isNewerEpoch(best.epoch, party.epoch) && party.votes > best.votes) best = party;
  }
  // Beside unknown epochs the order of two may hang on a third.
  return best && (preferred(newerThan(parties, best.epoch)) ?? best);
}
