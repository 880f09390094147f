import type { Endpoint } from '../../net/endpoint.ts';
import type { Adopted } from './choose.ts';
import { nobody, type Identities, type Introduction } from './identity.ts';
import type { Role } from '../../redis/role.ts';
import { noServers, type Servers } from './servers.ts';
import type { Announcement, Answer } from '../links/announcement.ts';

/** What the operator has decided about one database, and the times that follow from how Sentinel works. */
export interface Rules {
  readonly name: string;
  readonly failover: 'promoted' | 'announced';
  readonly onSentinelLoss: 'serve' | 'refuse';
  /** An answer older than this counts as none, in milliseconds. */
  readonly freshMs: number;
  /** A fence that leads to nothing is lifted after this, in milliseconds. */
  readonly fenceMs: number;
  /** A provisional master must be confirmed by an answer within this, in milliseconds. */
  readonly confirmMs: number;
  /** A Sentinel that takes longer than this to answer is late, in milliseconds. */
  readonly replyMs: number;
  /** An answer that is later than this is not waited for, in milliseconds. */
  readonly lateMs: number;
}

/** The last answer of one Sentinel, and under which turn it had been asked. */
export interface Report {
  readonly answer: Answer;
  readonly turn: number;
  readonly atMs: number;
  /** How long the answer took, or has been waited for, in milliseconds. */
  readonly tookMs: number;
  /** The run id of the Sentinel, the last that it gave. */
  readonly id: string | undefined;
  /** Whether it has ever answered. */
  readonly hasAnswered: boolean;
}

/**
 * A failover that has been announced and not yet been answered.
 *
 * `fenced`: the candidate is not known to be master. `provisional`: it said so by ROLE and is served.
 * `asking`: the failover came to nothing, or its master was not confirmed; the Sentinels are asked anew.
 */
export type Fence =
  | {
      readonly kind: 'fenced' | 'provisional';
      readonly by: string;
      readonly candidate: Endpoint;
      /** Whether the candidate can be dialled from here, to be asked for its ROLE. */
      readonly isReachable: boolean;
      readonly untilMs: number;
      /** However late the Sentinels are, not after this. */
      readonly mostMs: number;
      /** Whether the announcer can still be heard. If not, an abort would be missed: its answer has to come first. */
      readonly isLinked: boolean;
      /**
       * Whether another Sentinel leads a failover of its own away from the same master. Only one of them comes to stay, and
       * it makes a replica of whom the other has promoted: nobody is served before an answer tells which.
       */
      readonly isContested: boolean;
      /** Whether the candidate has been told to become master, and not only chosen. */
      readonly isOrdered: boolean;
    }
  | { readonly kind: 'asking'; readonly why: string };

/** All that is believed of one master: a value that is never changed; `step` gives the next one. */
export interface Belief {
  readonly rules: Rules;
  /** The known Sentinels in order of preference, seeds first. */
  readonly roster: readonly string[];
  /** Those of them that are configured. */
  readonly seeds: ReadonlySet<string>;
  readonly reports: ReadonlyMap<string, Report>;
  /** Who may speak. */
  readonly identities: Identities;
  /** What is known of servers beside their addresses: one server may have several. */
  readonly servers: Servers;
  /** Those that a reload has brought. Until each has answered, or failed to, it is not missing. */
  readonly configured: readonly string[];
  /** Answers asked under an older turn are stale. */
  readonly turn: number;
  /** Sessions of another generation are cut. */
  readonly generation: number;
  readonly adopted: Adopted | undefined;
  /**
   * The master that was left last. Until the other Sentinels have had time to hear of the move, those that still name
   * it are behind: their majority leads back to it only under a newer epoch.
   */
  readonly deposed: { readonly endpoint: Endpoint; readonly untilMs: number } | undefined;
  /**
   * Servers that were left while they may have taken themselves for master, and that have not said since that they
   * are replicas. After a planned failover an old master goes on saying `master` for some ten seconds, until a Sentinel
   * demotes it (redis 7.0.15, sentinel.c, sentinelRefreshInstanceInfo, +convert-to-slave): as the candidate of the next
   * failover it would be believed before its promotion.
   */
  readonly former: readonly Endpoint[];
  readonly fence: Fence | undefined;
  /** The failover that was given up last, while the master is not usable. */
  readonly setback: { readonly by: string; readonly channel: string } | undefined;
  /** The latest ROLE of the endpoint that is adopted, or served provisionally; `undefined` until it has been asked. */
  readonly role: Role | undefined;
  /** Whether the loss of too many Sentinels forbids serving. */
  readonly isForbidden: boolean;
  /** Whether sessions may have been dialled under this generation. */
  readonly hasServed: boolean;
  readonly nowMs: number;
}

/** Everything that can happen to a belief. */
export type Word =
  /** The operator has decided something anew. */
  | { readonly kind: 'ruled'; readonly rules: Rules }
  /** A reload brings Sentinels that were not known: said before `rostered`. */
  | { readonly kind: 'configured'; readonly sentinels: readonly string[] }
  | { readonly kind: 'rostered'; readonly roster: Roster }
  | {
      readonly kind: 'answered';
      readonly sentinel: string;
      readonly answer: Answer;
      readonly turn: number;
      /** How long it took, or has been waited for so far, in milliseconds. */
      readonly tookMs: number;
      /** The run id of the Sentinel, where it tells it. */
      readonly id: string | undefined;
    }
  /** A Sentinel has said who it is, and which Sentinels and servers it knows. */
  | { readonly kind: 'introduced'; readonly introduction: Introduction }
  /** What a host name leads to. */
  | { readonly kind: 'resolved'; readonly host: string; readonly addresses: readonly string[] }
  | {
      readonly kind: 'announced';
      readonly sentinel: string;
      readonly announcement: Announcement;
      /** The run id of the Sentinel, where it tells it. */
      readonly id: string | undefined;
    }
  /** The connection on which a Sentinel announces things has broken. */
  | { readonly kind: 'unlinked'; readonly sentinel: string }
  | { readonly kind: 'probed'; readonly endpoint: Endpoint; readonly role: Role; readonly generation: number }
  | { readonly kind: 'elapsed' };

/** Whose word may count: those that are known, in order of preference, and which of them are configured. */
export interface Roster {
  readonly sentinels: readonly string[];
  readonly seeds: readonly string[];
}

export function newBelief(rules: Rules, { sentinels, seeds }: Roster, nowMs: number): Belief {
  return {
    rules,
    roster: sentinels,
    seeds: new Set(seeds),
    reports: new Map(),
    identities: nobody,
    servers: noServers,
    configured: [],
    turn: 0,
    generation: 0,
    adopted: undefined,
    deposed: undefined,
    former: [],
    fence: undefined,
    setback: undefined,
    role: undefined,
    isForbidden: false,
    hasServed: false,
    nowMs,
  };
}

/** Whether a server that says so is served on the word of the Sentinels. */
const isServed: Readonly<Record<Role['kind'], boolean>> = {
  master: true,
  'active-replica': true,
  unverifiable: true,
  replica: false,
  unusable: false,
};

/** Whether this belief lets sessions through. */
export function isUsable({ fence, adopted, role, isForbidden }: Belief): boolean {
  if (isForbidden) return false;
  if (fence) return fence.kind === 'provisional' && role?.kind !== 'unusable';
  return adopted !== undefined && role !== undefined && isServed[role.kind];
}

/** The server that sessions are led to; `undefined` while there is none. */
export function servedBy(belief: Belief): Endpoint | undefined {
  const { fence, adopted } = belief;
  if (!isUsable(belief)) return undefined;
  return fence && fence.kind !== 'asking' ? fence.candidate : adopted?.endpoint;
}

/** When `elapsed` has something to do next, in milliseconds on the belief's clock; `Infinity` for never. */
export function nextDeadline({ fence }: Belief): number {
  return fence && fence.kind !== 'asking' ? fence.untilMs : Infinity;
}
