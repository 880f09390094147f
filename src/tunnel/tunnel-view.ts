import type { Endpoint, ListenAddress } from '../net/endpoint.ts';
import type { DurationsView } from '../relay/core/durations.ts';
import type { TunnelCounters } from '../relay/core/engine.ts';
import type { AbsentServer } from '../sentinel/decision/view.ts';
import type { MasterView } from '../sentinel/decision/view.ts';
import type { FailoverCountsView } from './failover-counts.ts';
import type { HoldView } from './operator-hold.ts';
import type { FailoverStory } from './story.ts';

/** One place where clients of a database are to connect. */
export interface ListenerView {
  /** The real address where it is open: a port of 0 has become one. */
  readonly address: ListenAddress;
  readonly isOpen: boolean;
  /** Why it could not be opened; `undefined` where it is open or has not been tried. */
  readonly trouble: string | undefined;
}

/** What is sampled of one database every second. */
export interface TunnelReading {
  readonly name: string;
  readonly isServing: boolean;
  /** Since when the phase of the view is what it is: wall clock, ISO 8601. */
  readonly since: string;
  /** `undefined` while it does not listen. */
  readonly counters: TunnelCounters | undefined;
}

/** One database as an operator sees it. A value, made when it is asked for. */
export interface TunnelView {
  readonly name: string;
  readonly listeners: readonly ListenerView[];
  readonly view: MasterView;
  /** Of its master, by that one's own word. */
  readonly replicas: readonly Endpoint[];
  /** Those that the Sentinels list beside them: down, or not replicating from it. */
  readonly absent: readonly AbsentServer[];
  /** Since when the phase of the view is what it is: wall clock, ISO 8601. */
  readonly since: string;
  /** `undefined` while it does not listen. */
  readonly counters: TunnelCounters | undefined;
  readonly durations: DurationsView | undefined;
  readonly failovers: FailoverCountsView;
  /** That an operator lets its clients wait. */
  readonly hold: HoldView | undefined;
  readonly lastStory: FailoverStory | undefined;
}
