import { formatEndpoint, sameEndpoint, type Endpoint } from '../../net/endpoint.ts';

/** The fresh answer of one Sentinel. Votes are in order of preference, seeds first. */
export interface Vote {
  readonly sentinel: string;
  readonly endpoint: Endpoint;
  readonly epoch: number | undefined;
}

/** The address that is believed to be the master's, and the newest epoch that it was answered with. */
export interface Adopted {
  readonly endpoint: Endpoint;
  readonly epoch: number | undefined;
  /** The Sentinel whose answer decided. */
  readonly by: string;
}

/**
 * Chooses the address of the master.
 *
 * The highest epoch wins, then the most votes, then the order of preference. One vote with a higher epoch than the adopted
 * one is enough, because only a majority can create it. To leave the adopted address at the same or an unknown epoch takes
 * a majority of the known Sentinels, so that a stale minority alone cannot lead back to a deposed master. At a lower epoch
 * (after an operator's REMOVE and MONITOR it begins at 0) all answers must agree as well. An unknown epoch is neither older
 * nor newer than another.
 *
 * @param known how many Sentinels may know this master, whether they answer or not
 * @returns the adopted address; the same object where nothing changes
 */
export function choose(
  votes: readonly Vote[],
  adopted: Adopted | undefined,
  known: number,
): Adopted | undefined {
  const parties = partiesOf(votes);
  const best = preferred(parties);
  if (!best) return adopted;
  // An adopted epoch that was unknown may be known now.
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

/** The votes for one address. */
interface Party {
  readonly endpoint: Endpoint;
  /** The first Sentinel, in order of preference, with the newest epoch. */
  readonly by: string;
  readonly epoch: number | undefined;
  readonly votes: number;
}

function choiceOf({ endpoint, epoch, by }: Party): Adopted {
  return { endpoint, epoch, by };
}

/** @returns the parties in the order of preference of their first vote */
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

/** Highest epoch, most votes, order of preference. @returns a party such that no other has a newer epoch */
function preferred(parties: readonly Party[]): Party | undefined {
  let best: Party | undefined;
  for (const party of parties) {
    if (!best || isNewerEpoch(party.epoch, best.epoch)) best = party;
    else if (!isNewerEpoch(best.epoch, party.epoch) && party.votes > best.votes) best = party;
  }
  // With unknown epochs the order of two parties may depend on a third.
  return best && (preferred(newerThan(parties, best.epoch)) ?? best);
}
