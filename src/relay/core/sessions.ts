import type { Endpoint } from '../../net/endpoint.ts';
import type { EndReason } from './engine.ts';
import { sessionMoves, type Session, type SessionPhase } from './session.ts';

const nowhere: Endpoint = Object.freeze({ host: '', port: 0 });

/**
 * The sessions of a gate that have not ended, by phase: nothing else moves one.
 *
 * Waits are bounded by constants of the tunnel, so each kind of deadline is a queue in order of time: an insertion-
 * ordered set whose first member is due first.
 */
export class Sessions<S extends Session> {
  /** Not relaying yet, in order of admission, hence of hold deadline. */
  readonly #pending = new Set<S>();
  /** In order of dial deadline. */
  readonly #dialling = new Set<S>();
  /** In order of the next try. */
  readonly #retrying = new Set<S>();
  readonly #relaying = new Set<S>();
  /** The phase that every session relaying under the present route shares. */
  #phase: SessionPhase & { kind: 'relaying' } = { kind: 'relaying', generation: -1, endpoint: nowhere };

  get pending(): Iterable<S> {
    return this.#pending;
  }

  get dialling(): Iterable<S> {
    return this.#dialling;
  }

  get retrying(): Iterable<S> {
    return this.#retrying;
  }

  get relaying(): ReadonlySet<S> {
    return this.#relaying;
  }

  get size(): number {
    return this.#pending.size + this.#relaying.size;
  }

  /** How many relay or dial. */
  get open(): number {
    return this.#relaying.size + this.#dialling.size;
  }

  /** How many wait, for a route or for another try. */
  get held(): number {
    return this.#pending.size - this.#dialling.size;
  }

  /** What those that relay have carried so far. */
  bytes(): { upstreamBytes: number; downstreamBytes: number } {
    let upstreamBytes = 0;
    let downstreamBytes = 0;
    for (const session of this.#relaying) {
      upstreamBytes += session.upstreamBytes;
      downstreamBytes += session.downstreamBytes;
    }
    return { upstreamBytes, downstreamBytes };
  }

  /** Adds one that is new: it waits. */
  add(session: S): void {
    this.#pending.add(session);
  }

  dial(session: S, generation: number, endpoint: Endpoint, untilMs: number): void {
    this.#retrying.delete(session);
    move(session, { kind: 'dialling', generation, endpoint, untilMs });
    this.#dialling.add(session);
  }

  wait(session: S): void {
    this.#dialling.delete(session);
    this.#retrying.delete(session);
    move(session, { kind: 'waiting' });
  }

  retry(session: S, atMs: number): void {
    this.#dialling.delete(session);
    move(session, { kind: 'retrying', atMs });
    this.#retrying.add(session);
  }

  relay(session: S, generation: number, endpoint: Endpoint): void {
    this.#dialling.delete(session);
    this.#pending.delete(session);
    this.#relaying.add(session);
    if (this.#phase.generation !== generation || this.#phase.endpoint !== endpoint)
      this.#phase = { kind: 'relaying', generation, endpoint };
    move(session, this.#phase);
  }

  end(session: S, reason: EndReason): void {
    this.#pending.delete(session);
    this.#dialling.delete(session);
    this.#retrying.delete(session);
    this.#relaying.delete(session);
    move(session, { kind: 'ended', reason });
  }

  /** Gives those that dial so much more time, or less. */
  postponeDials(laterMs: number): void {
    for (const session of this.#dialling) {
      if (session.phase.kind === 'dialling')
        session.phase = { ...session.phase, untilMs: session.phase.untilMs + laterMs };
    }
  }

  /** When the first dial, try or hold is due, in milliseconds; `Infinity` for never. */
  dueMs(holdMs: number): number {
    let firstMs = Infinity;
    for (const { admittedMs } of this.#pending) {
      firstMs = admittedMs + holdMs;
      break;
    }
    for (const { phase } of this.#dialling) {
      if (phase.kind === 'dialling') firstMs = Math.min(firstMs, phase.untilMs);
      break;
    }
    for (const { phase } of this.#retrying) {
      if (phase.kind === 'retrying') firstMs = Math.min(firstMs, phase.atMs);
      break;
    }
    return firstMs;
  }
}

function move(session: Session, to: SessionPhase): void {
  const legal: readonly SessionPhase['kind'][] = sessionMoves[session.phase.kind];
  if (!legal.includes(to.kind)) {
    throw new Error(
      `A session cannot go from ${session.phase.kind} to ${to.kind}: ${legal.join(', ') || 'nowhere'}`,
    );
  }
  session.phase = to;
}
