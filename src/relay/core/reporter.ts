import type { SuspectWord } from '../flow/flow.ts';
import type { Client } from './client.ts';
import type { EndReason, TunnelEvent } from './engine.ts';
import type { Upstream } from './upstream.ts';

type DialFailed = Extract<TunnelEvent, { kind: 'dial-failed' }>;
type Refused = Extract<TunnelEvent, { kind: 'refused' }>;

/** Events of one kind are reported together, at most once in this many milliseconds. */
const everyMs = 50;
/** Clients that are turned away before they are admitted may be many, and say nothing of a master: once in this many milliseconds. */
const turnedAwayEveryMs = 1_000;

/** Turns what happens in a tunnel into events, and bursts of one kind into one. It decides nothing. */
export class Reporter {
  readonly #report: (event: TunnelEvent) => void;
  readonly #now: () => number;
  readonly #failedDials: Coalesced<DialFailed>;
  readonly #refusals: Coalesced<Refused>;
  readonly #turnedAway: Coalesced<Refused>;
  #suspectReportedMs = -Infinity;
  #firstReplyOf = -1;

  constructor(report: (event: TunnelEvent) => void, now: () => number) {
    this.#report = report;
    this.#now = now;
    this.#failedDials = new Coalesced<DialFailed>(everyMs, report);
    this.#refusals = new Coalesced<Refused>(everyMs, report);
    this.#turnedAway = new Coalesced<Refused>(turnedAwayEveryMs, report);
  }

  /** Bursts are not held back: at once. */
  report(event: TunnelEvent): void {
    this.#report(event);
  }

  turnedAway(reason: string): void {
    this.#turnedAway.add({ kind: 'refused', reason, count: 1 }, this.#now());
  }

  refused(reason: string): void {
    this.#refusals.add({ kind: 'refused', reason, count: 1 }, this.#now());
  }

  dialFailed({ generation, endpoint }: Upstream<Client>, code: string): void {
    this.#failedDials.add({ kind: 'dial-failed', generation, endpoint, code, count: 1 }, this.#now());
  }

  suspectReply({ generation, endpoint }: Upstream<Client>, word: SuspectWord): void {
    const nowMs = this.#now();
    if (nowMs - this.#suspectReportedMs < everyMs) return;
    this.#suspectReportedMs = nowMs;
    this.#report({ kind: 'suspect-reply', generation, endpoint, word });
  }

  firstReply(generation: number): void {
    if (this.#firstReplyOf === generation) return;
    this.#firstReplyOf = generation;
    this.#report({ kind: 'first-byte', generation });
  }

  sessionOpened({ id }: Client, generation: number): void {
    this.#report({ kind: 'session-opened', session: id, generation });
  }

  sessionEnded({ id, flow }: Client, reason: EndReason, lastedMs: number): void {
    const { upstreamBytes, downstreamBytes } = flow ?? { upstreamBytes: 0, downstreamBytes: 0 };
    this.#report({ kind: 'session-ended', session: id, reason, upstreamBytes, downstreamBytes, lastedMs });
  }

  /** When `flush` has something to report, in milliseconds; `Infinity` where nothing is held back. */
  get dueMs(): number {
    return Math.min(this.#failedDials.dueMs, this.#refusals.dueMs, this.#turnedAway.dueMs);
  }

  /** Reports what is due; everything at `Infinity`. */
  flush(nowMs: number): void {
    this.#failedDials.flush(nowMs);
    this.#refusals.flush(nowMs);
    this.#turnedAway.flush(nowMs);
  }
}

/** Reports the first of a burst at once and the rest of it together, with their count, at most once per interval. */
class Coalesced<E extends { readonly count: number }> {
  readonly #everyMs: number;
  readonly #report: (event: E) => void;
  #reportedMs = -Infinity;
  #kept: E | undefined;

  constructor(intervalMs: number, report: (event: E) => void) {
    this.#everyMs = intervalMs;
    this.#report = report;
  }

  get dueMs(): number {
    return this.#kept ? this.#reportedMs + this.#everyMs : Infinity;
  }

  add(event: E, nowMs: number): void {
    this.#kept = this.#kept ? { ...event, count: this.#kept.count + event.count } : event;
    this.flush(nowMs);
  }

  flush(nowMs: number): void {
    if (!this.#kept || nowMs < this.dueMs) return;
    const event = this.#kept;
    this.#kept = undefined;
    this.#reportedMs = nowMs;
    this.#report(event);
  }
}
