import type { DescriptorBudget } from '../os/descriptor-limit.ts';
import type { EngineName } from '../relay/core/engine.ts';
import type { LoopLag } from '../telemetry/lag.ts';
import type { SentinelView } from '../sentinel/links/stats.ts';
import type { EventFeed } from '../telemetry/feed.ts';
import type { GracefulOutcome, FailoverWaits } from '../tunnel/graceful.ts';
import type { HoldView } from '../tunnel/route.ts';
import type { FailoverRecord } from '../tunnel/failover-record.ts';
import type { TunnelReading, TunnelView } from '../tunnel/tunnel-view.ts';

/** All that the admin listener shows, as values that were made when it asked. */
export interface Overview {
  readonly version: string;
  readonly engine: EngineName;
  readonly threads: number;
  /** How late the loops that carry bytes or decide came to their beats. */
  readonly lags: readonly LoopLag[];
  /** How file descriptors are shared out; `undefined` where nothing limits them, or that cannot be read. */
  readonly descriptors: DescriptorBudget | undefined;
  readonly isDraining: boolean;
  /** When a drain that is going on ends at the latest: wall clock, ISO 8601. */
  readonly drainUntil: string | undefined;
  /** Wall clock, ISO 8601. */
  readonly startedAt: string;
  readonly uptimeMs: number;
  /** The file that the configuration was read from, where there was one. */
  readonly configFile: string | undefined;
  /** Why the log cannot be written just now, where it cannot. */
  readonly logTrouble: string | undefined;
  /** Lines of the log that have not been written so far. */
  readonly logDropped: number;
  readonly tunnels: readonly TunnelView[];
  readonly sentinels: readonly SentinelView[];
  readonly lastEventId: string;
}

/** What is sampled every second. */
export interface Readings {
  /** Milliseconds since the start, as that of the overview. */
  readonly uptimeMs: number;
  readonly databases: readonly TunnelReading[];
}

/** What an operator may do to a database. */
export interface Actions {
  /** Lets new clients wait for `ms` milliseconds at most, whatever is known of the master. */
  hold(name: string, ms: number): HoldView;
  /** @returns whether it was held */
  release(name: string): boolean;
  /** Cuts every session. @returns how many there were */
  cut(name: string): Promise<number>;
  /**
   * Has Sentinel begin a failover.
   *
   * @param isForced whether it may lose what a replica lacks
   * @returns the Sentinel that has begun it
   * @throws TunnelError which replica is unfit, or what Sentinel has against it
   */
  failover(name: string, isForced: boolean): Promise<string>;
  /**
   * The same once what clients have asked is answered and the replicas have everything; new clients wait meanwhile.
   *
   * @returns how it went, when it is over
   * @throws TunnelError why nothing has come of it
   */
  graceful(name: string, waits: FailoverWaits): Promise<GracefulOutcome>;
}

/** What the admin listener needs of whoever runs the tunnels. */
export interface AdminCallbacks {
  readonly feed: EventFeed;
  overview(): Overview;
  /** The part of it that is sampled: it costs little, however much is known. */
  readings(): Readings;
  /** The failovers that are over, by database, oldest first. */
  records(): readonly FailoverRecord[];
  /**
   * Asks everything that carries bytes for a sign of life.
   *
   * @param withinMs how long an answer may take, in milliseconds
   * @returns the names of those that gave none
   */
  alive(withinMs: number): Promise<readonly string[]>;
  /** Each is given the name of a database that there is. */
  readonly actions: Actions;
  /**
   * Reads the configuration again and goes over to it; `undefined` where there is nothing to read again. Gives what has
   * changed, a line each; throws a TunnelError that says why nothing has.
   */
  readonly reload: (() => Promise<readonly string[]>) | undefined;
}
