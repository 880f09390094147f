import { performance } from 'node:perf_hooks';
import { unreachable } from '../../lifecycle/unreachable.ts';
import { Admission } from './admission.ts';
import { Durations, type DurationsView } from './durations.ts';
import type {
  DoubtWord,
  EndReason,
  Quiescence,
  Route,
  TunnelCounters,
  TunnelEvent,
  TunnelLimits,
  TunnelSpec,
} from './engine.ts';
import type { GatePort } from './gate-port.ts';
import { Ledger } from './ledger.ts';
import { Linger } from './linger.ts';
import { Misgiving } from './misgiving.ts';
import type { GatePlaces } from './places.ts';
import { Quiet } from './quiet.ts';
import {
  denialLine,
  noReplication,
  refusalLine,
  shuttingDown,
  tooManyWait,
  unanswered,
  unreached,
  waitedInVain,
} from './refusal.ts';
import { Rest } from './rest.ts';
import type { Session, Side } from './session.ts';
import { Sessions } from './sessions.ts';

/** Wait before a failed dial is tried again at the same endpoint, in milliseconds. A new route cuts it short. */
const retryMs = 100;

/**
 * The rules of sessions that every engine keeps: who is admitted, who waits and how long, who dials where, who is
 * cut. It does no I/O and holds no timer: the engine calls `tick` at `nextDeadline()`. Nothing here is proportional to
 * the number of idle sessions but `steer`.
 */
export class Gate<S extends Session> {
  #spec: TunnelSpec;
  readonly #admission: Admission;
  readonly #port: GatePort<S>;
  readonly #tell: (event: TunnelEvent) => void;
  readonly #now: () => number;

  #route: Route = { kind: 'hold', generation: 0, reason: 'the master is not known yet' };
  #isDraining = false;
  /** The errno name of the dial that failed last. */
  #lastFailure = '';
  readonly #sessions = new Sessions<S>();
  readonly #misgiving = new Misgiving();
  readonly #linger = new Linger<S>();
  readonly #quiet: Quiet<S>;
  readonly #rest: Rest<S>;
  readonly #ledger: Ledger;
  readonly #durations: Durations;

  constructor(
    spec: TunnelSpec,
    places: GatePlaces,
    port: GatePort<S>,
    tell: (event: TunnelEvent) => void,
    now: () => number = () => performance.now(),
    durations = new Durations(),
  ) {
    this.#spec = spec;
    this.#admission = new Admission(spec.name, places);
    this.#port = port;
    this.#tell = tell;
    this.#now = now;
    this.#quiet = new Quiet<S>(spec.idleMs);
    this.#rest = new Rest<S>(port);
    this.#ledger = new Ledger(tell, now);
    this.#durations = durations;
  }

  /** Sessions that have not ended. */
  get size(): number {
    return this.#sessions.size;
  }

  /** Admits an accepted downstream: it dials, waits, or is refused, according to the route and the limits. */
  admit(session: S): void {
    this.#ledger.admitted();
    if (this.#isDraining) {
      this.#refuse(session, shuttingDown);
      return;
    }
    const full = this.#admission.take(session);
    if (full !== undefined) {
      this.#refuse(session, full);
      return;
    }
    switch (this.#route.kind) {
      case 'serve':
        this.#sessions.add(session);
        // Where no more may wait it is dialled all the same: for a mere misgiving nobody is refused.
        if (!this.#misgiving.isOpen || !this.#admission.takeWaiting(session))
          this.#dial(session, this.#route);
        return;
      case 'hold':
        if (this.#admission.takeWaiting(session)) this.#sessions.add(session);
        else this.#refuse(session, tooManyWait(this.#spec, this.#route.reason));
        return;
      case 'refuse':
        this.#refuse(session, this.#route.reason);
        return;
      default:
        unreachable(this.#route);
    }
  }

  /**
   * The dial of a session has succeeded. It relays from here on.
   *
   * @returns whether the session is still wanted there; where not, its upstream is to be destroyed
   */
  dialled(session: S): boolean {
    if (session.phase.kind !== 'dialling' || session.phase.generation !== this.#route.generation)
      return false;
    const { generation, endpoint, untilMs } = session.phase;
    const nowMs = this.#now();
    this.#durations.dialled(nowMs - (untilMs - this.#spec.dialMs));
    this.#quiet.add(session, nowMs);
    this.#sessions.relay(session, generation, endpoint);
    this.#ledger.opened(session, generation, this.#spec);
    return true;
  }

  /** The dial of a session has failed. It tries again while it has time. `code` is an errno name. */
  dialFailed(session: S, code: string): void {
    if (session.phase.kind !== 'dialling') return;
    const { generation, endpoint } = session.phase;
    this.#lastFailure = code;
    if (session.hasClientEnded) this.#leave(session);
    else if (this.#admission.takeWaiting(session)) this.#sessions.retry(session, this.#now() + retryMs);
    else this.#refuse(session, tooManyWait(this.#spec, unreached(this.#spec.name, code)));
    this.#ledger.dialFailed({ generation, endpoint, code });
  }

  /**
   * The client of a session that does not relay yet sends nothing more. While it waits that means that it has given up, and what
   * it has sent is not to be carried out without it: Redis forgets a client at the end of its stream too. While it is dialled, or
   * its server is merely asked for a sign of life, it may be one that sends all of its commands at once and then reads.
   */
  clientEnded(session: S): void {
    session.hasClientEnded = true;
    const { kind } = session.phase;
    if (kind === 'retrying' || (kind === 'waiting' && !this.#isMereMisgiving)) this.#leave(session);
  }

  /**
   * Both sides of a session are done, or its downstream has gone before it relayed: the engine has closed its sockets.
   * Ending twice is harmless.
   */
  ended(session: S, reason: EndReason): void {
    if (session.phase.kind === 'ended') return;
    this.#end(session, reason);
  }

  /**
   * One side of a relaying session has ended while the other goes on. Where a client half-closed before its session
   * was relaying, this is called after `dialled`.
   */
  halfClosed(session: S, by: Side): void {
    if (session.phase.kind === 'relaying') this.#linger.add(session, by, this.#now());
  }

  /** The first bytes after a route began to be served have come from a server. Cheap to call for every reply. */
  firstByte(generation: number): void {
    this.#ledger.firstByte(generation);
  }

  /**
   * A client has begun to replicate through a listener that does not allow it. It is told so, and nothing of what the engine has
   * just read from it goes to a server.
   */
  replicates(session: S): void {
    if (session.phase.kind === 'ended') return;
    if (this.#port.isFlushed(session)) {
      this.#refuse(session, noReplication, denialLine(noReplication));
      return;
    }
    this.#cut(session, 'refused'); // a line would be taken for a part of the reply that it is still reading
    this.#ledger.refused(noReplication);
  }

  /** A reply began with a word that casts doubt on the server being a usable master. */
  doubted(session: S, word: DoubtWord): void {
    this.#ledger.doubted(session, word);
  }

  /**
   * The server has ended, or broken off, a relaying session that the client had neither ended nor asked it to end (by
   * QUIT). Called before `halfClosed` or `ended`. Until the server has answered again, or its time is up, new sessions
   * wait instead of being dialled into a process that is coming to its end.
   */
  dropped(session: S): void {
    if (session.phase.kind !== 'relaying' || this.#route.kind !== 'serve') return;
    if (!this.#misgiving.begin(session.id, this.#now())) return;
    for (const each of this.#sessions.dialling) if (this.#admission.takeWaiting(each)) this.#takeBack(each);
    const { generation, endpoint } = session.phase;
    this.#tell({ kind: 'dropped', generation, endpoint, session: session.id });
  }

  /** The server has answered since it dropped these sessions: who waited for that is dialled. */
  reassured(sessions: readonly number[]): void {
    if (this.#misgiving.answered(sessions, this.#now())) this.#dialWaiting();
  }

  /** Nothing is known any more: nobody is dialled until `resume`, or another route. */
  suspend(): void {
    this.#misgiving.stay();
    for (const session of this.#sessions.dialling) this.#takeBack(session);
  }

  resume(): void {
    this.#misgiving.end();
    this.#dialWaiting();
  }

  /** A client was turned away before it became a session. */
  turnedAway(reason: string): void {
    this.#ledger.turnedAway(reason);
  }

  acceptFailed(): void {
    this.#ledger.acceptFailed();
  }

  /** Carries out a route: see `Route` for what each kind does to sessions old and new. */
  steer(route: Route): void {
    this.#route = route;
    this.#misgiving.end();
    let cut = 0;
    for (const session of this.#sessions.relaying) {
      if (session.phase.kind === 'relaying' && session.phase.generation === route.generation) continue;
      this.#cut(session, 'evicted');
      cut += 1;
    }
    for (const session of this.#sessions.dialling) {
      // Nothing of it has gone anywhere: it waits for the new route instead of being cut.
      const isSame = session.phase.kind === 'dialling' && session.phase.generation === route.generation;
      if (isSame && route.kind === 'serve') continue;
      this.#takeBack(session);
      if (session.hasClientEnded) continue;
      // More may dial at once than may wait; the latest of them are told so.
      if (route.kind === 'hold' && !this.#admission.takeWaiting(session))
        this.#refuse(session, tooManyWait(this.#spec, route.reason));
    }
    for (const session of this.#sessions.retrying) this.#sessions.wait(session);
    for (const session of this.#sessions.pending)
      if (session.hasClientEnded && session.phase.kind === 'waiting') this.#leave(session);
    if (route.kind === 'serve') this.#rest.end();
    let released = 0;
    if (route.kind !== 'hold') {
      for (const session of this.#sessions.pending) {
        if (session.phase.kind !== 'waiting') continue;
        if (route.kind === 'serve') {
          if (this.#release(session, route)) released += 1;
        } else this.#refuse(session, route.reason);
      }
    }
    this.#tell({ kind: 'steered', generation: route.generation, cut, held: this.#sessions.held, released });
  }

  /**
   * Lets what has been asked be answered and has nothing more asked, within so many milliseconds. Sessions stay at rest until
   * a route serves again or cuts them.
   */
  quiesce(withinMs: number, done: (quiescence: Quiescence) => void): void {
    this.#rest.begin(this.#sessions.relaying, this.#now(), withinMs, done);
  }

  /** Cuts every session that relays. The route stays; gives how many there were. */
  evict(): number {
    const count = this.#sessions.relaying.size;
    for (const session of this.#sessions.relaying) this.#cut(session, 'evicted');
    return count;
  }

  /**
   * Changes the limits and ends nobody by it: who is in stays in, who comes goes by the new ones. Those that wait or
   * dial have the new times, so that deadlines stay in the order in which they were set.
   */
  adjust(limits: TunnelLimits): void {
    const laterMs = limits.dialMs - this.#spec.dialMs;
    this.#spec = { ...this.#spec, ...limits };
    this.#admission.adjust(limits);
    this.#quiet.adjust(limits.idleMs, this.#sessions.relaying, this.#now());
    if (laterMs !== 0) this.#sessions.postponeDials(laterMs);
  }

  /** Refuses what waits or dials, and whatever is admitted from now on; relaying sessions go on. */
  drain(): void {
    this.#isDraining = true;
    for (const session of this.#sessions.pending) this.#refuse(session, shuttingDown);
  }

  /** Cuts every session that is left. */
  cutAll(): void {
    this.#isDraining = true;
    for (const session of [...this.#sessions.pending, ...this.#sessions.relaying])
      this.#cut(session, 'drained');
    this.#ledger.flush(Infinity);
    this.#rest.end();
  }

  /** When `tick` has to be called next, on the gate's clock; `undefined` while nothing waits. */
  nextDeadline(): number | undefined {
    const first = Math.min(
      this.#sessions.dueMs(this.#spec.holdMs),
      this.#linger.dueMs,
      this.#ledger.dueMs,
      this.#rest.dueMs,
      this.#quiet.dueMs,
      this.#misgiving.dueMs,
    );
    return first === Infinity ? undefined : first;
  }

  /** Does what has come due. */
  tick(): void {
    const nowMs = this.#now();
    if (this.#rest.dueMs <= nowMs) this.#rest.tick(nowMs);
    for (const session of this.#sessions.dialling) {
      if (session.phase.kind !== 'dialling' || session.phase.untilMs > nowMs) break;
      this.#port.abandonDial(session);
      this.dialFailed(session, 'ETIMEDOUT');
    }
    for (const session of this.#sessions.pending) {
      if (session.admittedMs + this.#spec.holdMs > nowMs) break;
      this.#refuse(session, waitedInVain(this.#spec, this.#whyHeldTooLong(session)));
    }
    for (const session of this.#sessions.retrying) {
      if (session.phase.kind !== 'retrying' || session.phase.atMs > nowMs) break;
      if (this.#route.kind === 'serve' && !this.#misgiving.isOpen) this.#release(session, this.#route);
      else this.#sessions.wait(session);
    }
    for (const [session, by] of this.#linger.tick(nowMs)) this.#cut(session, by);
    for (const session of this.#quiet.tick(nowMs)) {
      this.#port.finish(session);
      this.#end(session, 'idle');
    }
    if (this.#misgiving.dueMs <= nowMs) {
      this.#misgiving.end();
      this.#dialWaiting();
    }
    this.#ledger.flush(nowMs);
  }

  counters(): TunnelCounters {
    const { open, held } = this.#sessions;
    return this.#ledger.counters({ open, held, ...this.#sessions.bytes() });
  }

  /** How long dials and sessions have taken. */
  durations(): DurationsView {
    return this.#durations.view();
  }

  /** The counters that take no walk over the sessions: all but the bytes, which an engine may count for itself. */
  tally(): Omit<TunnelCounters, 'upstreamBytes' | 'downstreamBytes'> {
    const { open, held } = this.#sessions;
    return this.#ledger.counters({ open, held, upstreamBytes: 0, downstreamBytes: 0 });
  }

  #dial(session: S, { generation, endpoint }: Route & { kind: 'serve' }): void {
    this.#admission.giveWaiting(session);
    this.#sessions.dial(session, generation, endpoint, this.#now() + this.#spec.dialMs);
    this.#port.dial(session, endpoint);
  }

  /** Whether there is a master, and nothing but its answer to our question is waited for. */
  get #isMereMisgiving(): boolean {
    return this.#route.kind === 'serve' && this.#misgiving.isOpen;
  }

  /** Dials for a session that has waited, unless its client has given up. @returns whether it does */
  #release(session: S, route: Route & { kind: 'serve' }): boolean {
    const isWanted = !this.#port.hasClientEnded(session);
    if (isWanted) this.#dial(session, route);
    else this.#leave(session);
    return isWanted;
  }

  /** Ends a session whose client has given up. Nothing of it is at a server. */
  #leave(session: S): void {
    this.#port.finish(session);
    this.#end(session, 'downstream');
  }

  /** Nothing of a session that dials has gone anywhere: it waits instead. */
  #takeBack(session: S): void {
    this.#port.abandonDial(session);
    this.#sessions.wait(session);
  }

  #dialWaiting(): void {
    if (this.#route.kind !== 'serve') return;
    for (const session of this.#sessions.pending)
      if (session.phase.kind === 'waiting') this.#dial(session, this.#route);
  }

  #refuse(session: S, reason: string, line = refusalLine(reason)): void {
    const { kind } = session.phase;
    if (kind === 'dialling' || kind === 'relaying') this.#port.abandonDial(session);
    this.#end(session, 'refused');
    this.#port.refuse(session, line);
    this.#ledger.refused(reason);
  }

  #cut(session: S, reason: EndReason): void {
    this.#port.cut(session);
    this.#end(session, reason);
  }

  #end(session: S, reason: EndReason): void {
    const lastedMs = this.#now() - session.admittedMs;
    if (session.phase.kind === 'relaying') this.#durations.lasted(lastedMs);
    this.#sessions.end(session, reason);
    this.#linger.delete(session);
    this.#quiet.delete(session);
    this.#rest.delete(session);
    this.#admission.give(session);
    this.#ledger.ended(session, reason, lastedMs, this.#spec);
  }

  #whyHeldTooLong({ phase }: S): string {
    if (this.#route.kind !== 'serve') return this.#route.reason;
    const { name } = this.#spec;
    return phase.kind === 'dialling' ? unanswered(name) : unreached(name, this.#lastFailure);
  }
}
