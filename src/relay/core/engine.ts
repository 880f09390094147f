import type { ClientLimits, ListenerConfig } from '../../config/types.ts';
import type { Endpoint, ListenAddress } from '../../net/endpoint.ts';
import type { DurationsView } from './durations.ts';
import type { SuspectWord } from '../flow/flow.ts';
import type { LoopLag } from '../../telemetry/lag.ts';
import type { ClientTls } from '../../net/tls.ts';

/**
 * What carries clients. An engine accepts, dials, carries and cuts; it never decides where. Every engine runs the rules in
 * `runtime.ts`, so nothing but its cost may differ.
 */
export interface Engine {
  readonly name: EngineName;
  /**
   * Binds every listener of a tunnel. Sessions are held until the first `steer`.
   *
   * @throws TunnelError `ST_LISTEN_FAILED` naming the address; nothing stays bound then
   */
  open(spec: TunnelSpec, tell: (event: TunnelEvent) => void): Promise<EngineTunnel>;
  /**
   * Asks everything that carries bytes for a sign of life.
   *
   * @param withinMs how long an answer may take, in milliseconds
   * @returns the names of those that gave none in time; empty when all is well
   */
  alive(withinMs: number): Promise<readonly string[]>;
  /** How late each loop that it runs on came to its beats so far. */
  lags(): readonly LoopLag[];
  /**
   * How many sessions all tunnels together may have, and how many descriptors clients and what is dialled for them; no limit of
   * its own until this is called. Nobody is cut by it.
   */
  limit(maxConnections: number, descriptors?: number): void;
  /** Closes every tunnel still open and frees what the engine itself holds. Idempotent. */
  close(): Promise<void>;
}

export type EngineName = 'streams' | 'epoll' | 'io_uring';

/** What an engine has to know of one tunnel. */
export interface TunnelSpec extends TunnelLimits {
  /** The database's name, for messages. */
  readonly name: string;
  /** Whether it will ever speak TLS, with clients or with Redis. Only `streams` can. */
  readonly needsTls?: boolean;
  /** What to listen on from the beginning; `EngineTunnel.listen` adds to it. */
  readonly listen: readonly ListenerConfig[];
}

/** What may change while a tunnel is open. */
export interface TunnelLimits extends ClientLimits {
  /** How to speak TLS to Redis; plain without it. It holds for dials from now on. */
  readonly upstreamTls?: ClientTls;
  /** Report `session-opened` and `session-ended` of each session. Off unless somebody reads them: they cost. */
  readonly reportsSessions: boolean;
}

/**
 * Where sessions go from now on. A session belongs to the generation under which it was dialled; a route with
 * another generation cuts every session of older ones, in whatever state: both sockets destroyed at once,
 * nothing more read from or written to either. Waiting sessions have no generation yet and simply go on waiting;
 * one that is still dialling has sent nothing anywhere: its dial is abandoned and it waits again.
 * A route with the same generation leaves relaying sessions alone and only changes what happens to new ones.
 */
export type Route =
  | { readonly kind: 'serve'; readonly generation: number; readonly endpoint: Endpoint }
  /** New sessions wait. `reason` is what one whose time runs out is told. */
  | { readonly kind: 'hold'; readonly generation: number; readonly reason: string }
  /** New and waiting sessions are refused at once with `-LOADING sentinel-tunnel: <reason>`. */
  | { readonly kind: 'refuse'; readonly generation: number; readonly reason: string };

/** One listener of a tunnel. */
export interface EngineListener {
  /** The address really bound: a port of 0 has become the real one. */
  readonly address: ListenAddress;
  /** Other certificates or names, for clients from now on; for a listener that has TLS, and keeps its address. */
  renew?(listener: ListenerConfig): void;
  /** Stops listening, and leaves sessions alone. Resolves when the address is free. Idempotent. */
  close(): Promise<void>;
}

export interface EngineTunnel {
  /** The addresses really bound now, oldest first; a port of 0 has become the real one. */
  readonly listening: readonly ListenAddress[];
  /**
   * Opens one more listener.
   *
   * @param handed the descriptor of a socket that listens for it already, and belongs to the engine from here on
   * @throws TunnelError `ST_LISTEN_FAILED` naming the address, `ST_CLOSED` where the tunnel drains or is closed
   */
  listen(listener: ListenerConfig, handed?: number): Promise<EngineListener>;
  /** Has a command carried out: at once, or for an engine in a worker at its next turn, within a millisecond. */
  apply(command: TunnelCommand): void;
  /** Totals since open, and how many there are now. Reading them costs the data path nothing. */
  counters(): TunnelCounters;
  /** How long dials and sessions have taken since open. */
  durations(): DurationsView;
}

/** What a tunnel can be asked for. Commands are carried out in the order in which they were given. */
export type TunnelCommand =
  /** Sends clients elsewhere from now on: see `Route`. Answered by the event `steered`. */
  | { readonly kind: 'steer'; readonly route: Route }
  /** Changes the limits. Nobody is cut by it; those that wait or dial have the new times. */
  | { readonly kind: 'limits'; readonly limits: TunnelLimits }
  /**
   * Lets what clients have asked be answered, and reads nothing more from them until `thaw`, or a route that serves or cuts them.
   * To be given under a route that holds. Answered by `frozen`, within so many milliseconds.
   */
  | { readonly kind: 'freeze'; readonly withinMs: number }
  | { readonly kind: 'thaw' }
  /** The server has answered a question that was asked after it had dropped these clients; see the event `dropped`. */
  | { readonly kind: 'trust'; readonly clients: readonly number[] }
  /** Cuts every attached client, as another generation would; the route stays. Answered by `evicted`. */
  | { readonly kind: 'evict' }
  /** Closes the listeners, refuses who waits, lets attached clients finish. Answered by `drained` when none is left. */
  | { readonly kind: 'drain' }
  /** Closes the listeners and cuts everybody. Ends a drain in progress. Answered by `closed`; nothing follows that. */
  | { readonly kind: 'close' };

export interface TunnelCounters {
  /** Sessions relaying or dialling now. */
  readonly open: number;
  /** Sessions waiting for a route now. */
  readonly held: number;
  /** Sessions ever admitted. */
  readonly admitted: number;
  /** Sessions ended, by why. */
  readonly ended: Readonly<Record<EndReason, number>>;
  readonly dialFailures: number;
  readonly acceptErrors: number;
  /** Bytes towards Redis. */
  readonly upstreamBytes: number;
  /** Bytes towards clients. */
  readonly downstreamBytes: number;
}

/** Who or what ended a session. */
export const endReasons = [
  'downstream', // the client closed, or its connection broke
  'upstream', // Redis closed, or its connection broke
  'evicted', // the route moved to another generation, or an operator cut it
  'refused', // told why in a RESP error: nothing to serve, hold deadline, limit
  'idle', // nothing moved for the idle timeout
  'drained', // cut at shutdown
] as const;
export type EndReason = (typeof endReasons)[number];

/** What an engine reports. All of it is for logs, hints and records; the engine waits for no answer. */
export type TunnelEvent =
  /** A `steer` was carried out: clients cut by it, clients waiting now, clients that it let dial. */
  | {
      readonly kind: 'steered';
      readonly generation: number;
      readonly cut: number;
      readonly held: number;
      readonly released: number;
    }
  /** A `freeze` is over: clients whose last command was answered, and those that still wait for an answer. */
  | { readonly kind: 'frozen'; readonly answered: number; readonly unanswered: number }
  /** An `evict` was carried out: how many clients it cut. */
  | { readonly kind: 'evicted'; readonly cut: number }
  /** No client is left since `drain`. */
  | { readonly kind: 'drained' }
  /** Everything is closed, and what was bound is free. */
  | { readonly kind: 'closed' }
  /** The first byte that a server of this generation sent to any client. Once per generation. */
  | { readonly kind: 'first-byte'; readonly generation: number }
  /** A dial failed or passed its deadline. Reported at most once per 50 ms per tunnel, with how many it stands for. */
  | {
      readonly kind: 'dial-failed';
      readonly generation: number;
      readonly endpoint: Endpoint;
      /** An errno name such as `ECONNREFUSED`, `ETIMEDOUT` for our own deadline, or `whyOwn` for our own listener. */
      readonly code: string;
      readonly count: number;
    }
  /** A reply began with a word that a usable master does not say. Reported at most once per 50 ms per tunnel. */
  | {
      readonly kind: 'suspect-reply';
      readonly generation: number;
      readonly endpoint: Endpoint;
      readonly word: SuspectWord;
    }
  /**
   * The server ended a connection that its client had not asked it to end, as the kernel does for a process that is killed. New
   * clients wait until `trust` names this client, another route comes, or half a second is over.
   */
  | {
      readonly kind: 'dropped';
      readonly generation: number;
      readonly endpoint: Endpoint;
      readonly client: number;
    }
  /** `accept` failed (EMFILE and its kin); accepting pauses and resumes by itself. */
  | { readonly kind: 'accept-paused'; readonly address: ListenAddress; readonly code: string }
  | { readonly kind: 'accept-resumed'; readonly address: ListenAddress }
  /** Clients were refused, and why. Reported at most once per 50 ms per tunnel, with how many it stands for. */
  | { readonly kind: 'refused'; readonly reason: string; readonly count: number }
  /** Only where `reportsSessions`. */
  | { readonly kind: 'session-opened'; readonly session: number; readonly generation: number }
  | {
      readonly kind: 'session-ended';
      readonly session: number;
      readonly reason: EndReason;
      readonly upstreamBytes: number;
      readonly downstreamBytes: number;
      readonly lastedMs: number;
    };
