import { Coalesced } from './coalesced.ts';
import {
  type DoubtWord,
  type EndReason,
  type TunnelCounters,
  type TunnelEvent,
  type TunnelLimits,
} from './engine.ts';
import type { Session } from './session.ts';

type DialFailed = Extract<TunnelEvent, { kind: 'dial-failed' }>;
type Refused = Extract<TunnelEvent, { kind: 'refused' }>;

/** Repeated tellings of one kind are told together, at most once in this many milliseconds. */
const tellEveryMs = 50;
/** Those who are turned away at the door may be many, and what they are told is told by no master: once in this many milliseconds. */
const tellTurnedAwayEveryMs = 1_000;

/** What a gate counts and what it tells. It decides nothing. */
export class Ledger {
  readonly #tell: (event: TunnelEvent) => void;
  readonly #now: () => number;
  #admitted = 0;
  #dialFailures = 0;
  #acceptErrors = 0;
  #upstreamBytes = 0;
  #downstreamBytes = 0;
  /** Written out, for an object made of a list is slow to copy, and this is copied in most turns of a loop. */
  readonly #ended: Record<EndReason, number> = {
    downstream: 0,
    upstream: 0,
    evicted: 0,
    refused: 0,
    idle: 0,
    drained: 0,
  };
  readonly #failedDials: Coalesced<DialFailed>;
  readonly #refusals: Coalesced<Refused>;
  readonly #turnedAway: Coalesced<Refused>;
  #doubtToldMs = -Infinity;
  #firstByteOf = -1;

  constructor(tell: (event: TunnelEvent) => void, now: () => number) {
    this.#tell = tell;
    this.#now = now;
    this.#failedDials = new Coalesced<DialFailed>(tellEveryMs, tell);
    this.#refusals = new Coalesced<Refused>(tellEveryMs, tell);
    this.#turnedAway = new Coalesced<Refused>(tellTurnedAwayEveryMs, tell);
  }

  admitted(): void {
    this.#admitted += 1;
  }

  turnedAway(reason: string): void {
    this.#admitted += 1;
    this.#ended.refused += 1;
    this.#turnedAway.add({ kind: 'refused', reason, count: 1 }, this.#now());
  }

  acceptFailed(): void {
    this.#acceptErrors += 1;
  }

  dialFailed(event: Omit<DialFailed, 'kind' | 'count'>): void {
    this.#dialFailures += 1;
    this.#failedDials.add({ kind: 'dial-failed', ...event, count: 1 }, this.#now());
  }

  refused(reason: string): void {
    this.#refusals.add({ kind: 'refused', reason, count: 1 }, this.#now());
  }

  doubted(session: Session, word: DoubtWord): void {
    const nowMs = this.#now();
    if (session.phase.kind !== 'relaying' || nowMs - this.#doubtToldMs < tellEveryMs) return;
    this.#doubtToldMs = nowMs;
    const { generation, endpoint } = session.phase;
    this.#tell({ kind: 'doubt', generation, endpoint, word });
  }

  firstByte(generation: number): void {
    if (this.#firstByteOf === generation) return;
    this.#firstByteOf = generation;
    this.#tell({ kind: 'first-byte', generation });
  }

  opened(session: Session, generation: number, { tellSessions }: TunnelLimits): void {
    if (tellSessions) this.#tell({ kind: 'session-opened', session: session.id, generation });
  }

  ended(session: Session, reason: EndReason, lastedMs: number, { tellSessions }: TunnelLimits): void {
    const { id, upstreamBytes, downstreamBytes } = session;
    this.#ended[reason] += 1;
    this.#upstreamBytes += upstreamBytes;
    this.#downstreamBytes += downstreamBytes;
    if (!tellSessions) return;
    this.#tell({ kind: 'session-ended', session: id, reason, upstreamBytes, downstreamBytes, lastedMs });
  }

  /** When something that is kept back has to be told, in milliseconds; `Infinity` where nothing is. */
  get dueMs(): number {
    return Math.min(this.#failedDials.dueMs, this.#refusals.dueMs, this.#turnedAway.dueMs);
  }

  /** Tells what is due; all of it at `Infinity`. */
  flush(nowMs: number): void {
    this.#failedDials.flush(nowMs);
    this.#refusals.flush(nowMs);
    this.#turnedAway.flush(nowMs);
  }

  /** The totals, to which `live` adds what the sessions that have not ended make of it. */
  counters(
    live: Pick<TunnelCounters, 'open' | 'held' | 'upstreamBytes' | 'downstreamBytes'>,
  ): TunnelCounters {
    // Written out: extending a spread object goes through the runtime of V8 field by field, in most turns of a loop.
    return {
      open: live.open,
      held: live.held,
      admitted: this.#admitted,
      ended: { ...this.#ended },
      dialFailures: this.#dialFailures,
      acceptErrors: this.#acceptErrors,
      upstreamBytes: this.#upstreamBytes + live.upstreamBytes,
      downstreamBytes: this.#downstreamBytes + live.downstreamBytes,
    };
  }
}
