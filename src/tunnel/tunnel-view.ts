import type { Endpoint, ListenAddress } from '../net/endpoint.ts';
import type { DurationsView } from '../relay/core/durations.ts';
import type { TunnelCounters } from '../relay/core/engine.ts';
import type { AbsentServer, MasterView } from '../sentinel/decision/view.ts';
import type { FailoverRecord } from './failover-record.ts';
import type { FailoverCountsView } from './failover-recorder.ts';
import type { HoldView } from './route.ts';

/** One configured listener of a database. */
export interface ListenerView {
  /** The real address while it is open: not port 0, but the port that the kernel chose. */
  readonly address: ListenAddress;
  readonly isOpen: boolean;
  /** Why it could not be opened; `undefined` while it is open or before the first attempt. */
  readonly trouble: string | undefined;
}

/** The values of one database that the history samples every second. */
export interface TunnelReading {
  readonly name: string;
  readonly isServing: boolean;
  /** When the present phase began: wall clock, ISO 8601. */
  readonly since: string;
  /** `undefined` while it does not listen. */
  readonly counters: TunnelCounters | undefined;
}

/** A snapshot of one database for the admin listener. */
export interface TunnelView {
  readonly name: string;
  readonly listeners: readonly ListenerView[];
  readonly view: MasterView;
  /** The replicas that the master reports. */
  readonly replicas: readonly Endpoint[];
  /** Replicas that only the Sentinels list: down, or not replicating from the master. */
  readonly absent: readonly AbsentServer[];
  /** When the present phase began: wall clock, ISO 8601. */
  readonly since: string;
  /** `undefined` while it does not listen. */
  readonly counters: TunnelCounters | undefined;
  readonly durations: DurationsView | undefined;
  readonly failovers: FailoverCountsView;
  /** The hold of an operator, if any. */
  readonly hold: HoldView | undefined;
  readonly lastRecord: FailoverRecord | undefined;
}
