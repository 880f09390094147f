import { unreachable } from '../lifecycle/unreachable.ts';
import type { Endpoint } from '../net/endpoint.ts';
import { Durations, type DurationsView } from './durations.ts';
import type {
  DoubtWord,
  EndReason,
  Route,
  TunnelCounters,
  TunnelEvent,
  TunnelLimits,
  TunnelSpec,
} from './engine.ts';
import { Ledger } from './ledger.ts';
import { Misgiving } from './misgiving.ts';
import type { GatePlaces } from './places.ts';
import { Quiet } from './quiet.ts';
import type { Quiescence } from './engine.ts';
import { Rest, type RestPort } from './rest.ts';
import { sessionMoves, type Session, type SessionPhase } from './session.ts';

/** Which side of a session did something. */
export type Side = 'downstream' | 'upstream';

/** Wait before a failed dial is tried again at the same endpoint, in milliseconds. A new route cuts it short. */
const retryMs = 100;
/** A session of which one side has ended and nothing has moved for this long is cut, in milliseconds. */
const lingerMs = 60_000;
/**
 * What an engine does for the gate. None of these may call the gate back before they return (nor may whoever is
 * told an event); every one of them leaves the session in a state where doing it again is harmless.
 */
export interface GatePort<S extends Session> extends RestPort<S> {
  /** Starts a dial; `dialled` or `dialFailed` answers, unless `abandonDial` or `cut` comes first. */
  dial(session: S, endpoint: Endpoint): void;
  /** Destroys the upstream socket of a dial in progress; the downstream stays. */
  abandonDial(session: S): void;
  /** Writes one line to the client, half-closes, and closes for good shortly after. A dial has been abandoned before. */
  refuse(session: S, line: string): void;
  /** Closes both sockets in good order: what the kernel has of either is still sent. */
  finish(session: S): void;
  /** Destroys both sockets now; nothing more is read from or written to either. */
  cut(session: S): void;
}

/**
 * The rules of sessions that every engine keeps: who is admitted, who waits and how long, who dials where, who is
 * cut. It does no I/O and holds no timer: the engine calls `tick` at `nextDeadline()`.
 *
 * Waits are bounded by constants of the tunnel, so each kind of deadline is a queue in order of time: an insertion-
 * ordered set whose first member is due first. Nothing here is proportional to the number of idle sessions but `steer`.
 */
export class Gate<S extends Session> {
  #spec: TunnelSpec;
  readonly #places: GatePlaces;
  readonly #port: GatePort<S>;
  readonly #tell: (event: TunnelEvent) => void;
  readonly #now: () => number;

  #route: Route = { kind: 'hold', generation: 0, reason: 'the master is not known yet' };
  /** The phase that every session relaying under the present route shares. */
  #relaying: SessionPhase & { kind: 'relaying' } = { kind: 'relaying', generation: -1, endpoint: nowhere };
  #isDraining = false;
  readonly #misgiving = new Misgiving();
  readonly #ledger: Ledger;

  /** Not relaying yet, in order of admission, hence of hold deadline. */
  readonly #pending = new Set<S>();
  /** In order of dial deadline. */
  readonly #dialling = new Set<S>();
  /** In order of the next try. */
  readonly #retrying = new Set<S>();
  readonly #relayingSet = new Set<S>();
  /** Half-closed, in order of when they are looked at again; the value is the bytes relayed when last looked at. */
  readonly #lingering = new Map<S, { atMs: number; bytes: number; by: Side }>();
  readonly #quiet: Quiet<S>;
  readonly #rest: Rest<S>;

  readonly #durations: Durations;

  constructor(
    spec: TunnelSpec,
    places: GatePlaces,
    port: GatePort<S>,
    tell: (event: TunnelEvent) => void,
    now: () => number = () => performance.now(),
    durations = new Durations(),
  ) {
    this.#durations = durations;
    this.#spec = spec;
    this.#places = places;
    this.#quiet = new Quiet<S>(spec.idleMs);
    this.#port = port;
    this.#rest = new Rest<S>(port);
    this.#tell = tell;
    this.#now = now;
    this.#ledger = new Ledger(tell, now);
  }

  /** Sessions that have not ended. */
  get size(): number {
    return this.#pending.size + this.#relayingSet.size;
  }

  /** Admits an accepted downstream: it dials, waits, or is refused, according to the route and the limits. */
  admit(session: S): void {
    this.#ledger.admitted();
    if (this.#isDraining) {
      this.#refuse(session, 'shutting down');
      return;
    }
    const full = this.#take(session);
    if (full !== undefined) {
      this.#refuse(session, full);
      return;
    }
    switch (this.#route.kind) {
      case 'serve':
        this.#pending.add(session);
        // Where no more may wait it is dialled all the same: for a mere misgiving nobody is refused.
        if (!this.#misgiving.isOpen || !this.#takeWaiting(session)) this.#dial(session, this.#route);
        return;
      case 'hold':
        if (this.#takeWaiting(session)) this.#pending.add(session);
        else this.#refuse(session, this.#tooManyWait(this.#route.reason));
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
    this.#durations.dialled(this.#now() - (untilMs - this.#spec.dialMs));
    this.#dialling.delete(session);
    this.#pending.delete(session);
    this.#relayingSet.add(session);
    if (this.#relaying.generation !== generation || this.#relaying.endpoint !== endpoint) {
      this.#relaying = { kind: 'relaying', generation, endpoint };
    }
    this.#quiet.add(session, this.#now());
    this.#move(session, this.#relaying);
    this.#ledger.opened(session, generation, this.#spec);
    return true;
  }

  /** The dial of a session has failed. It tries again while it has time. `code` is an errno name. */
  dialFailed(session: S, code: string): void {
    if (session.phase.kind !== 'dialling') return;
    const { generation, endpoint } = session.phase;
    this.#dialling.delete(session);
    if (!this.#takeWaiting(session)) this.#refuse(session, this.#tooManyWait(unreached(this.#spec)));
    else {
      this.#move(session, { kind: 'retrying', atMs: this.#now() + retryMs });
      this.#retrying.add(session);
    }
    this.#ledger.dialFailed({ generation, endpoint, code });
  }

  /**
   * Both sides of a session are done, or its downstream has gone while it waited: the engine has closed its sockets.
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
    if (session.phase.kind !== 'relaying' || this.#lingering.has(session)) return;
    this.#lingering.set(session, { atMs: this.#now() + lingerMs, bytes: relayedBytes(session), by });
  }

  /** The first bytes after a route began to be served have come from a server. Cheap to call for every reply. */
  firstByte(generation: number): void {
    this.#ledger.firstByte(generation);
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
    for (const each of this.#dialling) if (this.#takeWaiting(each)) this.#takeBack(each);
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
    for (const session of this.#dialling) this.#takeBack(session);
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
    for (const session of this.#relayingSet) {
      if (session.phase.kind === 'relaying' && session.phase.generation === route.generation) continue;
      this.#port.cut(session);
      this.#end(session, 'evicted');
      cut += 1;
    }
    for (const session of this.#dialling) {
      // Nothing of it has gone anywhere: it waits for the new route instead of being cut.
      const isSame = session.phase.kind === 'dialling' && session.phase.generation === route.generation;
      if (isSame && route.kind === 'serve') continue;
      this.#takeBack(session);
      // More may dial at once than may wait; the latest of them are told so.
      if (route.kind === 'hold' && !this.#takeWaiting(session))
        this.#refuse(session, this.#tooManyWait(route.reason));
    }
    for (const session of this.#retrying) {
      this.#retrying.delete(session);
      this.#move(session, { kind: 'waiting' });
    }
    if (route.kind === 'serve') this.#rest.end();
    let released = 0;
    if (route.kind !== 'hold') {
      for (const session of this.#pending) {
        if (session.phase.kind !== 'waiting') continue;
        if (route.kind === 'serve') {
          released += 1;
          this.#dial(session, route);
        } else this.#refuse(session, route.reason);
      }
    }
    this.#tell({ kind: 'steered', generation: route.generation, cut, held: this.#waitingCount, released });
  }

  /**
   * Lets what has been asked be answered and has nothing more asked, within so many milliseconds. Sessions stay at rest until
   * a route serves again or cuts them.
   */
  quiesce(withinMs: number, done: (quiescence: Quiescence) => void): void {
    this.#rest.begin(this.#relayingSet, this.#now(), withinMs, done);
  }

  /** Cuts every session that relays. The route stays; gives how many there were. */
  evict(): number {
    const count = this.#relayingSet.size;
    for (const session of this.#relayingSet) {
      this.#port.cut(session);
      this.#end(session, 'evicted');
    }
    return count;
  }

  /**
   * Changes the limits and ends nobody by it: who is in stays in, who comes goes by the new ones. Those that wait or
   * dial have the new times, so that deadlines stay in the order in which they were set.
   */
  adjust(limits: TunnelLimits): void {
    const laterMs = limits.dialMs - this.#spec.dialMs;
    this.#spec = { ...this.#spec, ...limits };
    this.#places.sessions.most = limits.maxConnections;
    this.#places.waiting.most = limits.holdMax;
    this.#quiet.adjust(limits.idleMs, this.#relayingSet, this.#now());
    if (laterMs === 0) return;
    for (const session of this.#dialling) {
      if (session.phase.kind === 'dialling')
        session.phase = { ...session.phase, untilMs: session.phase.untilMs + laterMs };
    }
  }

  /** Refuses what waits or dials, and whatever is admitted from now on; relaying sessions go on. */
  drain(): void {
    this.#isDraining = true;
    for (const session of this.#pending) this.#refuse(session, 'shutting down');
  }

  /** Cuts every session that is left. */
  cutAll(): void {
    this.#isDraining = true;
    for (const session of [...this.#pending, ...this.#relayingSet]) {
      this.#port.cut(session);
      this.#end(session, 'drained');
    }
    this.#ledger.flush(Infinity);
    this.#rest.end();
  }

  /** When `tick` has to be called next, on the gate's clock; `undefined` while nothing waits. */
  nextDeadline(): number | undefined {
    let first = Infinity;
    for (const session of this.#pending) {
      first = session.admittedMs + this.#spec.holdMs;
      break;
    }
    for (const { phase } of this.#dialling) {
      if (phase.kind === 'dialling') first = Math.min(first, phase.untilMs);
      break;
    }
    for (const { phase } of this.#retrying) {
      if (phase.kind === 'retrying') first = Math.min(first, phase.atMs);
      break;
    }
    for (const { atMs } of this.#lingering.values()) {
      first = Math.min(first, atMs);
      break;
    }
    first = Math.min(first, this.#ledger.dueMs, this.#rest.dueMs, this.#quiet.dueMs, this.#misgiving.dueMs);
    return first === Infinity ? undefined : first;
  }

  /** Does what has come due. */
  tick(): void {
    const nowMs = this.#now();
    if (this.#rest.dueMs <= nowMs) this.#rest.tick(nowMs);
    for (const session of this.#dialling) {
      if (session.phase.kind !== 'dialling' || session.phase.untilMs > nowMs) break;
      this.#port.abandonDial(session);
      this.dialFailed(session, 'ETIMEDOUT');
    }
    for (const session of this.#pending) {
      if (session.admittedMs + this.#spec.holdMs > nowMs) break;
      this.#refuse(session, this.#holdExpired(session));
    }
    for (const session of this.#retrying) {
      if (session.phase.kind !== 'retrying' || session.phase.atMs > nowMs) break;
      this.#retrying.delete(session);
      if (this.#route.kind === 'serve' && !this.#misgiving.isOpen) this.#dial(session, this.#route);
      else this.#move(session, { kind: 'waiting' });
    }
    for (const [session, look] of this.#lingering) {
      if (look.atMs > nowMs) break;
      this.#lingering.delete(session);
      const bytes = relayedBytes(session);
      if (bytes !== look.bytes) this.#lingering.set(session, { atMs: nowMs + lingerMs, bytes, by: look.by });
      else {
        this.#port.cut(session);
        this.#end(session, look.by);
      }
    }
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
    let upstreamBytes = 0;
    let downstreamBytes = 0;
    for (const session of this.#relayingSet) {
      upstreamBytes += session.upstreamBytes;
      downstreamBytes += session.downstreamBytes;
    }
    return this.#ledger.counters({ ...this.#live(), upstreamBytes, downstreamBytes });
  }

  /** How long dials and sessions have taken. */
  durations(): DurationsView {
    return this.#durations.view();
  }

  /** The counters that take no walk over the sessions: all but the bytes, which an engine may count for itself. */
  tally(): Omit<TunnelCounters, 'upstreamBytes' | 'downstreamBytes'> {
    return this.#ledger.counters({ ...this.#live(), upstreamBytes: 0, downstreamBytes: 0 });
  }

  #live(): Pick<TunnelCounters, 'open' | 'held'> {
    return { open: this.#relayingSet.size + this.#dialling.size, held: this.#waitingCount };
  }

  get #waitingCount(): number {
    return this.#pending.size - this.#dialling.size;
  }

  /** Takes a place for a session, or says which limit is reached. */
  #take(session: S): string | undefined {
    const { sessions, whole } = this.#places;
    if (!sessions.take())
      return `the limit of ${String(sessions.most)} connections to "${this.#spec.name}" is reached`;
    if (!whole.take()) {
      sessions.give();
      return `the limit of ${String(whole.most)} connections of the whole tunnel is reached`;
    }
    session.hasPlace = true;
    return undefined;
  }

  #takeWaiting(session: S): boolean {
    session.hasWaitingPlace ||= this.#places.waiting.take();
    return session.hasWaitingPlace;
  }

  #giveWaiting(session: S): void {
    if (session.hasWaitingPlace) this.#places.waiting.give();
    session.hasWaitingPlace = false;
  }

  #dial(session: S, route: Route & { kind: 'serve' }): void {
    this.#giveWaiting(session);
    const { generation, endpoint } = route;
    this.#move(session, { kind: 'dialling', generation, endpoint, untilMs: this.#now() + this.#spec.dialMs });
    this.#dialling.add(session);
    this.#port.dial(session, endpoint);
  }

  /** Nothing of a session that dials has gone anywhere: it waits instead. */
  #takeBack(session: S): void {
    this.#dialling.delete(session);
    this.#port.abandonDial(session);
    this.#move(session, { kind: 'waiting' });
  }

  #dialWaiting(): void {
    if (this.#route.kind !== 'serve') return;
    for (const session of this.#pending)
      if (session.phase.kind === 'waiting') this.#dial(session, this.#route);
  }

  #refuse(session: S, reason: string): void {
    if (session.phase.kind === 'dialling') this.#port.abandonDial(session);
    this.#end(session, 'refused');
    this.#port.refuse(session, `-ERR sentinel-tunnel: ${oneLine(reason)}\r\n`);
    this.#ledger.refused(reason);
  }

  #end(session: S, reason: EndReason): void {
    this.#pending.delete(session);
    this.#dialling.delete(session);
    this.#retrying.delete(session);
    this.#relayingSet.delete(session);
    this.#lingering.delete(session);
    this.#quiet.delete(session);
    this.#rest.delete(session);
    this.#giveWaiting(session);
    if (session.hasPlace) {
      this.#places.sessions.give();
      this.#places.whole.give();
      session.hasPlace = false;
    }
    const lastedMs = this.#now() - session.admittedMs;
    if (session.phase.kind === 'relaying') this.#durations.lasted(lastedMs);
    this.#move(session, { kind: 'ended', reason });
    this.#ledger.ended(session, reason, lastedMs, this.#spec);
  }

  #move(session: S, to: SessionPhase): void {
    const legal: readonly SessionPhase['kind'][] = sessionMoves[session.phase.kind];
    if (!legal.includes(to.kind)) {
      throw new Error(
        `A session cannot go from ${session.phase.kind} to ${to.kind}: ${legal.join(', ') || 'nowhere'}`,
      );
    }
    session.phase = to;
  }

  #tooManyWait(reason: string): string {
    return `${String(this.#spec.holdMax)} connections are waiting already: ${reason}`;
  }

  #holdExpired(session: S): string {
    const waited = `waited ${String(this.#spec.holdMs)} ms`;
    if (this.#route.kind !== 'serve') return `${this.#route.reason}; ${waited}`;
    const why =
      session.phase.kind === 'dialling'
        ? `the master of "${this.#spec.name}" has not answered`
        : unreached(this.#spec);
    return `${why}; ${waited}`;
  }
}

function unreached(spec: TunnelSpec): string {
  return `the master of "${spec.name}" cannot be reached`;
}

const nowhere: Endpoint = Object.freeze({ host: '', port: 0 });

function relayedBytes(session: Session): number {
  return session.upstreamBytes + session.downstreamBytes;
}

/** A RESP error is one line: whatever came into a reason from outside must not end it early. */
function oneLine(text: string): string {
  return text.replace(/[\r\n]+/g, ' ');
}
