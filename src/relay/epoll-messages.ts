import type { ListenAddress } from '../net/endpoint.ts';
import type { LookupResult } from '../net/look-up.ts';
import type { TunnelCommand, TunnelEvent, TunnelSpec } from './core/engine.ts';
import type { OpenListener } from './io/epoll/acceptor.ts';
import type { Stalled } from '../lifecycle/stall.ts';

/** What the engine sends to a thread. */
export type ThreadCommand =
  | OpenCommand
  /** To be carried out by this thread's part of a tunnel. */
  | { readonly kind: 'tunnel'; readonly tunnel: number; readonly command: TunnelCommand }
  | { readonly kind: 'listen'; readonly tunnel: number; readonly listener: OpenListener }
  /** To be answered with `unlistened`. */
  | { readonly kind: 'unlisten'; readonly tunnel: number; readonly fd: number }
  /** Where this process listens now: what is not to be dialled. */
  | { readonly kind: 'own-addresses'; readonly addresses: readonly ListenAddress[] }
  /** The answer to a `look-up`. */
  | { readonly kind: 'looked-up'; readonly host: string; readonly found: LookupResult }
  /** To be answered with `alive`, in the iteration in which it is read. */
  | { readonly kind: 'greet' }
  | { readonly kind: 'stop' };

/** Opens a tunnel. The memory is shared by the threads, or with the engine. */
export interface OpenCommand {
  readonly kind: 'open';
  readonly tunnel: number;
  readonly spec: TunnelSpec;
  readonly listeners: readonly OpenListener[];
  readonly counters: SharedArrayBuffer;
  readonly durations: SharedArrayBuffer;
  readonly permits: Readonly<Record<'clients' | 'waiting' | 'total' | 'descriptors', SharedArrayBuffer>>;
  /** Clients are numbered from here in these steps, so that no two threads give one number. */
  readonly firstClient: number;
  readonly clientStep: number;
}

/** What a thread sends to the engine. The events of one iteration come together. */
export type ThreadAnswer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'unavailable'; readonly reason: string }
  | { readonly kind: 'alive' }
  /** The process was suspended, or the main thread was silent. The thread does nothing until it is released. */
  | { readonly kind: 'stalled'; readonly stalled: Stalled }
  /** To be answered with `looked-up`. */
  | { readonly kind: 'look-up'; readonly host: string }
  | { readonly kind: 'events'; readonly tunnel: number; readonly events: readonly TunnelEvent[] }
  /** It does not listen on this descriptor any more: because of `unlisten`, or of a tunnel that drains or is closed. */
  | { readonly kind: 'unlistened'; readonly tunnel: number; readonly fd: number };
