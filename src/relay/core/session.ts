import type { Endpoint } from '../../net/endpoint.ts';
import type { EndReason } from './engine.ts';
import type { Opening } from './opening.ts';

/** Which side of a session did something. */
export type Side = 'downstream' | 'upstream';

/**
 * The life of a session, as a union that carries the data of each phase.
 *
 *     waiting ──► dialling ──► relaying ──► ended
 *        ▲           │
 *        └─ retrying ◄┘         any phase may end
 */
export type SessionPhase =
  /** Admitted; no route yet. */
  | { readonly kind: 'waiting' }
  | {
      readonly kind: 'dialling';
      readonly generation: number;
      readonly endpoint: Endpoint;
      readonly untilMs: number;
    }
  /** A dial failed; another try at `atMs` unless the route changes first. */
  | { readonly kind: 'retrying'; readonly atMs: number }
  | { readonly kind: 'relaying'; readonly generation: number; readonly endpoint: Endpoint }
  | { readonly kind: 'ended'; readonly reason: EndReason };

/** The legal moves. `docs/architecture.md` prints the same table and a test compares them. */
export const sessionMoves = {
  waiting: ['dialling', 'ended'],
  dialling: ['relaying', 'retrying', 'waiting', 'ended'],
  retrying: ['dialling', 'waiting', 'ended'],
  relaying: ['ended'],
  ended: [],
} as const satisfies Record<SessionPhase['kind'], readonly SessionPhase['kind'][]>;

/**
 * One accepted downstream, from accept to close. An engine extends it with its sockets or descriptors; the gate
 * alone moves its phase. The byte counts are written by the engine as it relays.
 */
export class Session {
  phase: SessionPhase = { kind: 'waiting' };
  /** Whether it has taken a place among the sessions, and among those that wait. The gate's. */
  hasPlace = false;
  hasWaitingPlace = false;
  /** The last bytes went towards Redis, hence an answer is still to come. Written by the engine. */
  isAsking = false;
  /** It is to come to rest as soon as its answer begins. The gate's. */
  wantsRest = false;
  /** Nothing is read from its client. Written by the engine. */
  isResting = false;
  /** Its client sends nothing more. The gate's. */
  hasClientEnded = false;
  /** What its client began with, until that says what the client is; `undefined` from then on, and where that does not matter. Written by the engine. */
  opening: Opening | undefined = undefined;
  upstreamBytes = 0;
  downstreamBytes = 0;
  readonly id: number;
  /** When it was admitted, on the gate's clock, in milliseconds. */
  readonly admittedMs: number;

  constructor(id: number, admittedMs: number) {
    this.id = id;
    this.admittedMs = admittedMs;
  }
}

/** What has gone either way, in bytes: where it stays the same, nothing has moved. */
export function relayedBytes(session: Pick<Session, 'upstreamBytes' | 'downstreamBytes'>): number {
  return session.upstreamBytes + session.downstreamBytes;
}
