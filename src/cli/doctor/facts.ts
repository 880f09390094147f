import type { Config, DatabaseConfig } from '../../config/types.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import type { ServerReplies } from '../../redis/query.ts';
import type { DatabaseSurvey } from '../../sentinel/members/survey.ts';
import type { HostFacts } from './host-facts.ts';
import type { LocalPorts } from './local-ports.ts';
import type { ProbedReplies } from './tls-probe.ts';

/** All that is known, gathered once. Findings are computed from it without any I/O. */
export interface Facts {
  readonly config: Config;
  readonly nowMs: number;
  readonly sentinels: readonly SentinelFacts[];
  readonly databases: readonly DatabaseFacts[];
  readonly host: HostFacts;
  /** For each master that the Sentinels lead to; empty where that is not known. */
  readonly localPorts: readonly LocalPorts[];
}

/** One configured Sentinel. */
export interface SentinelFacts {
  readonly replies: ProbedReplies;
  /** The replies to subscribing to every channel. */
  readonly subscribed: ServerReplies;
  /** Its reply to SENTINEL MASTERS; queried only where a name is unknown. */
  readonly masters: ServerReplies | undefined;
}

export interface DatabaseFacts {
  readonly database: DatabaseConfig;
  readonly survey: DatabaseSurvey;
  /** The server that the Sentinels lead to. */
  readonly master: ProbedReplies | undefined;
  readonly replicas: readonly ReplicaFacts[];
  /** Other addresses at which the master may be, where it cannot be reached: the hosts of the Sentinels. */
  readonly alternates: readonly ProbedReplies[];
}

/** A replica, as the Sentinel that decided names it. */
export interface ReplicaFacts {
  /** As announced. */
  readonly announced: Endpoint;
  /** The row of SENTINEL REPLICAS. */
  readonly row: ReadonlyMap<string, string>;
  readonly replies: ProbedReplies;
}
