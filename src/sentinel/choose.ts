import { formatEndpoint, sameEndpoint, type Endpoint } from '../net/endpoint.ts';

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
 * lower epoch (an operator's REMOVE and MONITOR begin again at 0) all who answer must agree as well.
 *
 * @param known how many Sentinels there are that could know this master, answering or not
 * @returns the adopted address, the same object where nothing changes
 */
export function choose(
  votes: readonly Vote[],
  adopted: Adopted | undefined,
  known: number,
): Adopted | undefined {
  const best = leading(votes);
  if (!best) return adopted;
  const choice: Adopted = { endpoint: best.endpoint, epoch: best.epoch, by: best.by };
  if (!adopted) return choice;
  const isSame = sameEndpoint(best.endpoint, adopted.endpoint);
  const order = compareEpochs(best.epoch, adopted.epoch);
  if (order > 0) return choice;
  if (order === 0 && isSame) return adopted;
  const isMajority = best.votes * 2 > known;
  if (order === 0) return isMajority ? choice : adopted;
  const isAgreed = isMajority && best.votes === votes.length;
  return isAgreed && !(isSame && best.epoch === undefined) ? choice : adopted;
}

interface Party {
  readonly endpoint: Endpoint;
  readonly by: string;
  readonly epoch: number | undefined;
  readonly votes: number;
}

function leading(votes: readonly Vote[]): Party | undefined {
  const parties = new Map<string, Party>();
  for (const { endpoint, epoch, sentinel } of votes) {
    const key = formatEndpoint(endpoint);
    const party = parties.get(key);
    if (!party) parties.set(key, { endpoint, epoch, by: sentinel, votes: 1 });
    else {
      const isNewer = compareEpochs(epoch, party.epoch) > 0;
      parties.set(key, {
        endpoint,
        epoch: isNewer ? epoch : party.epoch,
        by: isNewer ? sentinel : party.by,
        votes: party.votes + 1,
      });
    }
  }
  let best: Party | undefined;
  for (const party of parties.values()) {
    // A map keeps the order of first insertion, so at a tie the Sentinel of higher preference has it.
    const order = best ? compareEpochs(party.epoch, best.epoch) : 1;
    if (!best || order > 0 || (order === 0 && party.votes > best.votes)) best = party;
  }
  return best;
}

/** Positive where `a` is newer; an unknown epoch is older than any known one. */
export function compareEpochs(a: number | undefined, b: number | undefined): number {
  return (a ?? -1) - (b ?? -1);
}
