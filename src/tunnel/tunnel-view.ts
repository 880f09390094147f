import type { ListenAddress } from '../net/endpoint.ts';
import type { DurationsView } from '../relay/durations.ts';
import type { TunnelCounters } from '../relay/engine.ts';
import type { MasterView } from '../sentinel/view.ts';
import type { FailoverCountsView } from './failover-counts.ts';
import type { FailoverStory } from './story.ts';

/** One database as an operator sees it. A value, made when it is asked for. */
export interface TunnelView {
  readonly name: string;
  /** Where it is to listen, and where it does; none while it cannot. */
  readonly listen: readonly ListenAddress[];
  readonly listening: readonly ListenAddress[];
  /** Why it does not listen; `undefined` while it does. */
  readonly trouble: string | undefined;
  readonly view: MasterView;
  /** Since when the phase of the view is what it is: wall clock, ISO 8601. */
  readonly since: string;
  /** `undefined` while it does not listen. */
  readonly counters: TunnelCounters | undefined;
  readonly durations: DurationsView | undefined;
  readonly failovers: FailoverCountsView;
  readonly lastStory: FailoverStory | undefined;
}
