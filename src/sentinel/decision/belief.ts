import type { Endpoint } from '../../net/endpoint.ts';
import type { Role } from '../../redis/role.ts';
import type { Announcement } from '../links/announcement.ts';
import type { Answer } from '../links/answer.ts';
import type { Adopted } from './vote-order.ts';
import { noIdentities, type Identities, type PeerList } from './identity.ts';
import { noServers, type Servers } from './servers.ts';

/** What an operator has configured for one database, and times that follow from how Sentinel works. */
export interface Rules {
  readonly name: string;
  readonly failover: 'promoted' | 'announced';
  readonly onSentinelLoss: 'serve' | 'refuse';
  /** An answer older than this counts as none, in milliseconds. */
  readonly freshMs: number;
  /** A fence without a result is lifted after this, in milliseconds. */
  readonly fenceMs: number;
  /** A provisional master must be confirmed by an answer within this, in milliseconds. */
  readonly confirmMs: number;
  /** An answer that takes longer than this is late, in milliseconds. */
  readonly replyMs: number;
  /** An answer is not waited for after this, in milliseconds. */
  readonly lateMs: number;
}

/** The last answer of one Sentinel, and the query round that it belongs to. */
export interface Report {
  readonly answer: Answer;
  readonly round: number;
  readonly atMs: number;
  /** How long the answer took, or has been waited for, in milliseconds. */
  readonly tookMs: number;
  /** The last run id that the Sentinel gave. */
  readonly id: string | undefined;
  /** Whether it has ever answered. */
  readonly hasAnswered: boolean;
}

/**
 * A failover that has been announced and that no answer has confirmed.
 *
 * `fenced`: the candidate is not known to be master. `provisional`: ROLE says that it is, and it is served. `asking`: the
 * failover failed, or its master was not confirmed, and the Sentinels are queried again.
 */
export type Fence =
  | {
      readonly kind: 'fenced' | 'provisional';
      readonly by: string;
      readonly candidate: Endpoint;
      /** Whether the candidate can be dialled from here, to ask for its ROLE. */
      readonly isReachable: boolean;
      readonly untilMs: number;
      /** The fence is never prolonged beyond this, however late the Sentinels are. */
      readonly mostMs: number;
      /** Whether we are subscribed to the announcer. If not, we would miss an abort, so its answer has to come first. */
      readonly isSubscribed: boolean;
      /**
       * Whether another Sentinel leads another failover of the same master. Only one of them succeeds, and its leader makes
       * the other candidate a replica, so none is served before an answer tells which.
       */
      readonly isContested: boolean;
      /** Whether the candidate has been ordered to become master, and not only selected. */
      readonly isOrdered: boolean;
    }
  | { readonly kind: 'asking'; readonly why: string };

/** Everything that is believed about one master: a value that never changes; `step` returns the next one. */
export interface Belief {
  readonly rules: Rules;
  /** The known Sentinels in order of preference, seeds first. */
  readonly roster: readonly string[];
  /** The configured ones among them. */
  readonly seeds: ReadonlySet<string>;
  readonly reports: ReadonlyMap<string, Report>;
  /** Which Sentinels have a vote. */
  readonly identities: Identities;
  /** Which addresses are one server. */
  readonly servers: Servers;
  /** Seeds that a reload has added. Until each has answered, or failed to, it does not count as missing. */
  readonly addedSeeds: readonly string[];
  /** Answers to queries of an older round are stale. */
  readonly round: number;
  /** Connections of another generation are cut. */
  readonly generation: number;
  readonly adopted: Adopted | undefined;
  /**
   * The master before this one. Until the other Sentinels have had time to hear of the move, those that still name it are
   * behind: their majority leads back to it only under a newer epoch.
   */
  readonly previous: { readonly endpoint: Endpoint; readonly untilMs: number } | undefined;
  /**
   * Deposed servers that may still say `master`, and have not said since that they are replicas. After a planned failover an
   * old master says `master` for some ten seconds, until a Sentinel demotes it (redis 7.0.15, sentinel.c,
   * sentinelRefreshInstanceInfo, +convert-to-slave). As the candidate of the next failover it would be believed before its
   * promotion.
   */
  readonly deposed: readonly Endpoint[];
  readonly fence: Fence | undefined;
  /** The last failover that was aborted, while the master is not usable. */
  readonly setback: { readonly by: string; readonly channel: string } | undefined;
  /** The last ROLE of the adopted or provisional endpoint; `undefined` until it has answered. */
  readonly role: Role | undefined;
  /** Whether too few Sentinels answer to serve, by `onSentinelLoss`. */
  readonly isForbidden: boolean;
  /** Whether clients may have been connected under this generation. */
  readonly hasServed: boolean;
  readonly nowMs: number;
}

/** Everything that can change a belief. */
export type BeliefEvent =
  | { readonly kind: 'rules-changed'; readonly rules: Rules }
  /** A reload adds seeds that were not known. Comes before `roster-changed`. */
  | { readonly kind: 'seeds-added'; readonly sentinels: readonly string[] }
  | { readonly kind: 'roster-changed'; readonly roster: Roster }
  | {
      readonly kind: 'answered';
      readonly sentinel: string;
      readonly answer: Answer;
      readonly round: number;
      /** How long it took, or has been waited for so far, in milliseconds. */
      readonly tookMs: number;
      /** The run id of the Sentinel, where it tells it. */
      readonly id: string | undefined;
    }
  /** A Sentinel has listed the Sentinels and servers that it knows. */
  | { readonly kind: 'peers-listed'; readonly list: PeerList }
  /** A host name has been looked up. */
  | { readonly kind: 'resolved'; readonly host: string; readonly addresses: readonly string[] }
  | {
      readonly kind: 'announced';
      readonly sentinel: string;
      readonly announcement: Announcement;
      /** The run id of the Sentinel, where it tells it. */
      readonly id: string | undefined;
    }
  /** The subscription to a Sentinel has ended. */
  | { readonly kind: 'unsubscribed'; readonly sentinel: string }
  | { readonly kind: 'probed'; readonly endpoint: Endpoint; readonly role: Role; readonly generation: number }
  | { readonly kind: 'elapsed' };

/** The Sentinels that may have a vote, in order of preference, and which of them are configured. */
export interface Roster {
  readonly sentinels: readonly string[];
  readonly seeds: readonly string[];
}

/** @returns what is believed before anything has happened */
export function newBelief(rules: Rules, { sentinels, seeds }: Roster, nowMs: number): Belief {
  return {
    rules,
    roster: sentinels,
    seeds: new Set(seeds),
    reports: new Map(),
    identities: noIdentities,
    servers: noServers,
    addedSeeds: [],
    round: 0,
    generation: 0,
    adopted: undefined,
    previous: undefined,
    deposed: [],
    fence: undefined,
    setback: undefined,
    role: undefined,
    isForbidden: false,
    hasServed: false,
    nowMs,
  };
}

/** Whether a server with this role is served if the Sentinels name it. */
const isServed: Readonly<Record<Role['kind'], boolean>> = {
  master: true,
  'active-replica': true,
  unverifiable: true,
  replica: false,
  unusable: false,
};

/** Whether clients are served. */
export function isUsable({ fence, adopted, role, isForbidden }: Belief): boolean {
  if (isForbidden) return false;
  if (fence) return fence.kind === 'provisional' && role?.kind !== 'unusable';
  return adopted !== undefined && role !== undefined && isServed[role.kind];
}

/** @returns the server that clients are connected to; `undefined` while there is none */
export function servedBy(belief: Belief): Endpoint | undefined {
  const { fence, adopted } = belief;
  if (!isUsable(belief)) return undefined;
  return fence && fence.kind !== 'asking' ? fence.candidate : adopted?.endpoint;
}

/** @returns when `elapsed` is due next, in milliseconds on the belief's clock; `Infinity` for never */
export function nextDeadline({ fence }: Belief): number {
  return fence && fence.kind !== 'asking' ? fence.untilMs : Infinity;
}

/** Sets the role. @returns the same object where it has not changed */
export function withRole(belief: Belief, role: Role): Belief {
  const before = belief.role;
  const isSame =
    role.kind === before?.kind && ('why' in role ? role.why : '') === ('why' in before ? before.why : '');
  return isSame ? belief : { ...belief, role };
}
