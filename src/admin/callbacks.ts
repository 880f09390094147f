import type { DescriptorBudget } from '../os/descriptor-limit.ts';
import type { EngineName } from '../relay/core/engine.ts';
import type { LoopLag } from '../telemetry/lag.ts';
import type { SentinelView } from '../sentinel/links/stats.ts';
import type { EventFeed } from '../telemetry/feed.ts';
import type { GracefulOutcome, FailoverWaits } from '../tunnel/graceful.ts';
import type { HoldView } from '../tunnel/route.ts';
import type { FailoverRecord } from '../tunnel/failover-record.ts';
import type { TunnelReading, TunnelView } from '../tunnel/tunnel-view.ts';

/** A snapshot of everything that the admin listener shows. */
export interface Overview {
  readonly version: string;
  readonly engine: EngineName;
  readonly threads: number;
  /** How late each event loop was for its heartbeats. */
  readonly lags: readonly LoopLag[];
  /** How file descriptors are shared out; `undefined` without a limit, or when it cannot be read. */
  readonly descriptors: DescriptorBudget | undefined;
  readonly isDraining: boolean;
  /** The deadline of a drain in progress: wall clock, ISO 8601. */
  readonly drainUntil: string | undefined;
  /** Wall clock, ISO 8601. */
  readonly startedAt: string;
  readonly uptimeMs: number;
  /** The configuration file, if any. */
  readonly configFile: string | undefined;
  /** Why the log cannot be written; `undefined` while it can. */
  readonly logTrouble: string | undefined;
  /** Dropped log lines. */
  readonly logDropped: number;
  readonly tunnels: readonly TunnelView[];
  readonly sentinels: readonly SentinelView[];
  readonly lastEventId: string;
}

/** The values that the history samples every second. */
export interface Readings {
  /** Milliseconds since the start, as in the overview. */
  readonly uptimeMs: number;
  readonly databases: readonly TunnelReading[];
}

/** The actions of an operator on a database. */
export interface Actions {
  /** Makes new clients wait for at most `ms` milliseconds. */
  hold(name: string, ms: number): HoldView;
  /** @returns whether it was held */
  release(name: string): boolean;
  /** Cuts every session. @returns how many there were */
  cut(name: string): Promise<number>;
  /**
   * Asks Sentinel to begin a failover.
   *
   * @param isForced skip the check that the replicas follow the master
   * @returns the Sentinel that began it
   * @throws TunnelError with the replica that does not follow, or the reason of Sentinel
   */
  failover(name: string, isForced: boolean): Promise<string>;
  /**
   * Fails over once clients have their replies and the replicas have caught up; new clients wait meanwhile.
   *
   * @returns how it went, once it is over
   * @throws TunnelError why there was no failover
   */
  graceful(name: string, waits: FailoverWaits): Promise<GracefulOutcome>;
}

/** What the admin listener calls on the daemon. */
export interface AdminCallbacks {
  readonly feed: EventFeed;
  overview(): Overview;
  /** The sampled part of the overview; cheap for any number of databases. */
  readings(): Readings;
  /** The failovers that are over, by database, oldest first. */
  records(): readonly FailoverRecord[];
  /**
   * Checks that every relay thread responds.
   *
   * @param withinMs deadline for the responses, in milliseconds
   * @returns the names of the threads that did not respond
   */
  alive(withinMs: number): Promise<readonly string[]>;
  /** Callers pass only names of existing databases. */
  readonly actions: Actions;
  /**
   * Reads the configuration again and applies it; `undefined` without a configuration file. Resolves with one line per change; throws
   * a TunnelError with the reason when it changes nothing.
   */
  readonly reload: (() => Promise<readonly string[]>) | undefined;
}
