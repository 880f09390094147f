import type { EngineName } from '../relay/engine.ts';
import type { SentinelView } from '../sentinel/account.ts';
import type { EventFeed } from '../telemetry/feed.ts';
import type { FailoverStory } from '../tunnel/story.ts';
import type { TunnelView } from '../tunnel/tunnel-view.ts';

/** All that the admin listener shows, as values that were made when it asked. */
export interface Overview {
  readonly version: string;
  readonly engine: EngineName;
  readonly threads: number;
  readonly isDraining: boolean;
  /** Wall clock, ISO 8601. */
  readonly startedAt: string;
  readonly uptimeMs: number;
  /** The file that the configuration was read from, where there was one. */
  readonly configFile: string | undefined;
  readonly tunnels: readonly TunnelView[];
  readonly sentinels: readonly SentinelView[];
  readonly lastEventId: string;
}

/** What the admin listener needs of whoever runs the tunnels. */
export interface AdminPort {
  readonly feed: EventFeed;
  overview(): Overview;
  /** The failovers that are over, by database, oldest first. */
  stories(): readonly FailoverStory[];
  /**
   * Asks everything that carries bytes for a sign of life.
   *
   * @param withinMs how long an answer may take, in milliseconds
   * @returns the names of those that gave none
   */
  alive(withinMs: number): Promise<readonly string[]>;
  /**
   * Reads the configuration again and goes over to it; `undefined` where there is nothing to read again. Gives what has
   * changed, a line each; throws a TunnelError that says why nothing has.
   */
  readonly reload: (() => Promise<readonly string[]>) | undefined;
}
