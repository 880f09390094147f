import {
  endReasons,
  type Route,
  type TunnelCounters,
  type TunnelEvent,
  type TunnelLimits,
  type TunnelSpec,
} from '../../core/engine.ts';
import type { GatePlaces } from '../../core/places.ts';
import { Durations, durationsLength } from '../../core/durations.ts';
import type { Stood } from '../../core/stood.ts';
import type { Quiescence } from '../../core/engine.ts';
import type { ListenAddress } from '../../../net/endpoint.ts';
import type { Found } from '../../../net/look-up.ts';

/** What the engine tells a thread. */
export type Command =
  | {
      readonly kind: 'open';
      readonly tunnel: number;
      readonly spec: TunnelSpec;
      readonly listeners: readonly OpenListener[];
      readonly tally: SharedArrayBuffer;
      /** The memory of the places that the threads share. */
      readonly places: Readonly<Record<keyof GatePlaces, SharedArrayBuffer>>;
      /** Likewise, of the descriptors of sessions. */
      readonly descriptors: SharedArrayBuffer;
      /** Sessions are numbered from here in these steps, so that no two threads give one number. */
      readonly firstSession: number;
      readonly sessionStep: number;
    }
  | { readonly kind: 'listen'; readonly tunnel: number; readonly listener: OpenListener }
  | { readonly kind: 'unlisten'; readonly tunnel: number; readonly fd: number }
  | { readonly kind: 'adjust'; readonly tunnel: number; readonly limits: TunnelLimits }
  | { readonly kind: 'steer'; readonly tunnel: number; readonly route: Route }
  | { readonly kind: 'reassure'; readonly tunnel: number; readonly sessions: readonly number[] }
  | { readonly kind: 'evict'; readonly tunnel: number }
  | { readonly kind: 'quiesce'; readonly tunnel: number; readonly withinMs: number }
  | { readonly kind: 'drain'; readonly tunnel: number }
  | { readonly kind: 'close'; readonly tunnel: number }
  /** Where this process listens now: what is not to be dialled. */
  | { readonly kind: 'own'; readonly addresses: readonly ListenAddress[] }
  /** What a `look-up` has found. */
  | { readonly kind: 'looked-up'; readonly host: string; readonly found: Found }
  /** To be answered with `alive`, in the turn in which it is heard. */
  | { readonly kind: 'greet' }
  | { readonly kind: 'stop' };

/** What a thread tells the engine. The events of one turn come together. */
export type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'unavailable'; readonly reason: string }
  | { readonly kind: 'alive' }
  /** The process has stood still, or the main thread alone was silent. The thread does nothing until it is released. */
  | { readonly kind: 'stalled'; readonly stood: Stood }
  /** To be answered with `looked-up`. */
  | { readonly kind: 'look-up'; readonly host: string }
  | { readonly kind: 'told'; readonly tunnel: number; readonly events: readonly TunnelEvent[] }
  /** How many sessions it has cut. */
  | { readonly kind: 'evicted'; readonly tunnel: number; readonly count: number }
  | { readonly kind: 'quiet'; readonly tunnel: number; readonly quiescence: Quiescence }
  /** It does not listen on this descriptor any more. */
  | { readonly kind: 'unlistened'; readonly tunnel: number; readonly fd: number }
  /** It does not listen for the tunnel any more. */
  | { readonly kind: 'left'; readonly tunnel: number }
  | { readonly kind: 'drained'; readonly tunnel: number }
  | { readonly kind: 'closed'; readonly tunnel: number };

/** A bound and listening socket. Descriptors belong to the process: a thread can use what another has opened. */
export interface OpenListener {
  readonly fd: number;
  readonly address: ListenAddress;
  readonly allow: readonly string[];
  readonly allowReplication: boolean;
  /** Every thread has the same descriptor, and one of them is woken. The engine closes it when all have left it. */
  readonly isShared: boolean;
}

/** Where each number stands in the memory that a thread and the engine share. */
const tallyFields = [
  'open',
  'held',
  'admitted',
  'dialFailures',
  'acceptErrors',
  'upstreamBytes',
  'downstreamBytes',
] as const;
const tallyLength = tallyFields.length + endReasons.length;

export const upstreamBytesAt = tallyFields.indexOf('upstreamBytes');
export const downstreamBytesAt = tallyFields.indexOf('downstreamBytes');

export function newTally(): SharedArrayBuffer {
  return new SharedArrayBuffer((tallyLength + durationsLength) * Float64Array.BYTES_PER_ELEMENT);
}

/** The part of a tally in which durations are counted, in place. */
export function durationsIn(tally: SharedArrayBuffer): Durations {
  return new Durations(
    new Float64Array(tally, tallyLength * Float64Array.BYTES_PER_ELEMENT, durationsLength),
  );
}

/** Writes all but the bytes, which are counted in place as they go by. */
export function writeTally(
  into: Float64Array,
  counters: Omit<TunnelCounters, 'upstreamBytes' | 'downstreamBytes'>,
): void {
  into[0] = counters.open;
  into[1] = counters.held;
  into[2] = counters.admitted;
  into[3] = counters.dialFailures;
  into[4] = counters.acceptErrors;
  endReasons.forEach((reason, index) => {
    into[tallyFields.length + index] = counters.ended[reason];
  });
}

/** The sum of what every thread has written. */
export function readTallies(tallies: readonly Float64Array[]): TunnelCounters {
  function sum(index: number): number {
    return tallies.reduce((total, tally) => total + (tally[index] ?? 0), 0);
  }
  const fields = Object.fromEntries(tallyFields.map((field, index) => [field, sum(index)])) as Record<
    (typeof tallyFields)[number],
    number
  >;
  const ended = Object.fromEntries(
    endReasons.map((reason, index) => [reason, sum(tallyFields.length + index)]),
  ) as TunnelCounters['ended'];
  return { ...fields, ended };
}
