import type { Socket } from 'node:net';
import type { Endpoint } from '../../../net/endpoint.ts';
import type { ClientTls } from '../../../net/tls.ts';
import { doubtWordAt } from '../../core/doubt.ts';
import type { DurationsView } from '../../core/durations.ts';
import type {
  Quiescence,
  Route,
  TunnelCounters,
  TunnelEvent,
  TunnelLimits,
  TunnelSpec,
} from '../../core/engine.ts';
import type { GatePort } from '../../core/gate-port.ts';
import { Gate } from '../../core/gate.ts';
import { Opening } from '../../core/opening.ts';
import { Places } from '../../core/places.ts';
import { endsInQuit } from '../../core/quit.ts';
import type { Side } from '../../core/session.ts';
import { partingMs } from '../../core/times.ts';
import { failure, isSelfConnected, type Dial } from './dial.ts';
import { reset, StreamsSession } from './session.ts';

/** The sessions of one tunnel and their sockets: does what its gate decides, and tells it what happens to them. */
export class StreamsDoor implements GatePort<StreamsSession> {
  readonly #dial: Dial;
  readonly #gate: Gate<StreamsSession>;
  readonly #isStandstill: () => boolean;
  #upstreamTls: ClientTls | undefined;
  #lastId = 0;

  /** Every socket that has not closed yet, of whatever session. */
  readonly #sockets = new Set<Socket>();
  readonly #relaying = new Set<StreamsSession>();
  /** Refused clients that have not closed yet, and when they are closed for good, in order of that. */
  readonly #parting = new Map<StreamsSession, number>();
  #timer: NodeJS.Timeout | undefined;
  #timerDueMs = Infinity;
  #emptied: (() => void)[] = [];

  /**
   * @param whole places that all tunnels share
   * @param isStandstill whether nothing may go to a server now
   */
  constructor(
    spec: TunnelSpec,
    tell: (event: TunnelEvent) => void,
    dial: Dial,
    whole: Places,
    isStandstill: () => boolean,
  ) {
    this.#dial = dial;
    this.#isStandstill = isStandstill;
    this.#upstreamTls = spec.upstreamTls;
    const sessions = Places.of(spec.maxConnections);
    const waiting = Places.of(spec.holdMax);
    this.#gate = new Gate<StreamsSession>(spec, { sessions, waiting, whole }, this, tell);
  }

  // What the tunnel asks.

  adjust(limits: TunnelLimits): void {
    this.#upstreamTls = limits.upstreamTls;
    this.#gate.adjust(limits);
    this.#arm();
  }

  steer(route: Route): void {
    this.#gate.steer(route);
    this.#arm();
  }

  reassure(sessions: readonly number[]): void {
    this.#gate.reassured(sessions);
    this.#arm();
  }

  /** Nothing more goes to a server, and nobody is dialled, until `resume`. */
  suspend(): void {
    this.#gate.suspend();
    for (const { downstream } of this.#relaying) downstream.pause();
  }

  resume(): void {
    for (const session of this.#relaying) this.#readOn(session);
    this.#gate.resume();
    this.#arm();
  }

  quiesce(withinMs: number): Promise<Quiescence> {
    return new Promise((resolve) => {
      this.#gate.quiesce(withinMs, resolve);
      this.#arm();
    });
  }

  evict(): Promise<number> {
    return Promise.resolve(this.#gate.evict());
  }

  /** Resolves when no session is left. */
  drain(): Promise<void> {
    this.#gate.drain();
    this.#arm();
    return this.#empty();
  }

  /** Cuts every session that is left. */
  async close(): Promise<void> {
    this.#gate.cutAll();
    for (const socket of this.#sockets) socket.destroy();
    await this.#empty();
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  counters(): TunnelCounters {
    return this.#gate.counters();
  }

  durations(): DurationsView {
    return this.#gate.durations();
  }

  // What the listeners report.

  admit(downstream: Socket, allowReplication: boolean): void {
    this.#lastId += 1;
    const session = new StreamsSession(this.#lastId, performance.now(), downstream);
    if (!allowReplication) session.opening = new Opening();
    this.#own(downstream, session);
    downstream.on('data', (chunk: Buffer) => {
      const { sink } = session;
      session.isQuitting = endsInQuit(chunk, 0, chunk.length);
      if (sink && this.#isStandstill()) {
        downstream.pause();
        downstream.unshift(chunk);
        return;
      }
      if (session.opening && this.#isRefused(session, session.opening, chunk)) return;
      if (sink) {
        session.upstreamBytes += chunk.length;
        session.isAsking = true;
        if (!sink.write(chunk)) downstream.pause();
      } else if (session.isPending) session.keepEarly(chunk);
    });
    downstream.on('drain', () => {
      session.upstream?.resume();
    });
    downstream.on('end', () => {
      this.#downstreamEnded(session);
    });
    downstream.on('error', () => {
      this.#downstreamBroke(session);
    });
    this.#gate.admit(session);
    session.isNew = false;
    this.#arm();
  }

  turnedAway(reason: string): void {
    this.#gate.turnedAway(reason);
    this.#arm();
  }

  acceptFailed(): void {
    this.#gate.acceptFailed();
  }

  // What the gate asks.

  dial(session: StreamsSession, endpoint: Endpoint): void {
    if (session.isNew) this.#connect(session, endpoint);
    else
      session.look(() => {
        this.#connect(session, endpoint);
      });
  }

  #connect(session: StreamsSession, endpoint: Endpoint): void {
    const upstream = this.#dial(endpoint, this.#upstreamTls, () => {
      if (session.upstream !== upstream) return;
      if (isSelfConnected(upstream)) upstream.destroy(failure('ECONNREFUSED'));
      else this.#relay(session, upstream);
    });
    session.upstream = upstream;
    this.#own(upstream, session);
    upstream.on('error', (error: NodeJS.ErrnoException) => {
      if (session.upstream !== upstream) return; // abandoned
      if (session.phase.kind === 'dialling') {
        session.upstream = undefined;
        this.#gate.dialFailed(session, error.code ?? error.name);
        this.#arm();
      } else this.#upstreamBroke(session);
    });
  }

  abandonDial(session: StreamsSession): void {
    session.stopLooking();
    if (session.upstream) reset(session.upstream);
    session.upstream = undefined;
  }

  refuse(session: StreamsSession, line: string): void {
    session.sink = undefined;
    session.dropEarly();
    session.downstream.end(line);
    session.downstream.resume(); // its input goes nowhere
    this.#parting.set(session, performance.now() + partingMs);
  }

  hasClientEnded({ downstream }: StreamsSession): boolean {
    return downstream.readableEnded;
  }

  finish(session: StreamsSession): void {
    session.stopLooking();
    session.sink = undefined;
    session.dropEarly();
    session.upstream?.destroy();
    session.downstream.destroy();
  }

  rest(session: StreamsSession): void {
    session.isResting = true;
    session.downstream.pause();
  }

  wake(session: StreamsSession): void {
    session.isResting = false;
    this.#readOn(session);
  }

  isFlushed(session: StreamsSession): boolean {
    return session.downstream.writableLength === 0;
  }

  cut(session: StreamsSession): void {
    session.stopLooking();
    session.sink = undefined;
    session.dropEarly();
    if (session.upstream) reset(session.upstream);
    reset(session.downstream);
  }

  /** The whole way of a byte, both ways: read, counted, written; a full buffer stops the reading until it is empty. */
  #relay(session: StreamsSession, upstream: Socket): void {
    const { downstream } = session;
    if (session.phase.kind !== 'dialling') return;
    const { generation } = session.phase;
    if (!this.#gate.dialled(session)) {
      upstream.destroy();
      return;
    }
    upstream.on('data', (chunk: Buffer) => {
      session.downstreamBytes += chunk.length;
      session.isAsking = false;
      if (session.wantsRest) {
        session.isResting = true;
        downstream.pause();
      }
      if (!downstream.write(chunk)) upstream.pause();
      this.#gate.firstByte(generation);
      const word = doubtWordAt(chunk);
      if (word) this.#gate.doubted(session, word);
    });
    upstream.on('drain', () => {
      if (!this.#isStandstill()) this.#readOn(session);
    });
    upstream.on('end', () => {
      this.#halfClosed(session, 'upstream');
      downstream.end();
    });
    this.#relaying.add(session);
    session.openSink(upstream);
    if (downstream.readableEnded) this.#downstreamEnded(session);
    this.#arm(); // it may be idle before anything else is due
  }

  /** Whether the client turns out to be a replica by what it has just sent, where that is not allowed. */
  #isRefused(session: StreamsSession, opening: Opening, chunk: Buffer): boolean {
    const kind = opening.look(chunk, 0, chunk.length);
    if (kind === 'open') return false;
    session.opening = undefined;
    if (kind === 'ordinary') return false;
    this.#gate.replicates(session);
    this.#arm();
    return true;
  }

  /** Reads from a client, unless its server takes nothing more or it is at rest. */
  #readOn(session: StreamsSession): void {
    if (session.upstream?.writableNeedDrain === false && !session.isResting) session.downstream.resume();
  }

  #downstreamEnded(session: StreamsSession): void {
    if (session.sink) {
      this.#halfClosed(session, 'downstream');
      session.sink.end();
    } else if (session.isPending) {
      // One that has asked for nothing and will not has left, as has one that waited. Another may want its answer.
      if (session.isLooking || !session.hasEarlyBytes) this.#leave(session);
      else this.#gate.clientEnded(session);
      this.#arm();
    }
  }

  #downstreamBroke(session: StreamsSession): void {
    if (session.isPending) this.#leave(session);
    session.endedBy ??= 'downstream';
    session.sink = undefined;
    session.upstream?.destroy();
  }

  /** What the server has said still reaches the client, as it would without a tunnel; what the client says goes nowhere. */
  #upstreamBroke(session: StreamsSession): void {
    this.#halfClosed(session, 'upstream');
    session.sink = undefined;
    session.downstream.resume();
    session.downstream.destroySoon();
  }

  #halfClosed(session: StreamsSession, by: Side): void {
    if (by === 'upstream' && session.endedBy === undefined && !session.isQuitting)
      this.#gate.dropped(session);
    session.endedBy ??= by;
    this.#gate.halfClosed(session, by);
    this.#arm();
  }

  /** Ends a session whose client has gone before it relayed. */
  #leave(session: StreamsSession): void {
    this.#gate.ended(session, 'downstream');
    session.stopLooking();
    session.dropEarly();
    session.upstream?.destroy();
    session.downstream.destroy();
  }

  /** Accounts for a socket until it has closed. */
  #own(socket: Socket, session: StreamsSession): void {
    this.#sockets.add(socket);
    socket.on('close', () => {
      this.#sockets.delete(socket);
      const { upstream, downstream } = session;
      if (socket === downstream) {
        this.#parting.delete(session);
        this.#relaying.delete(session);
      }
      if (session.phase.kind === 'relaying' && downstream.closed && upstream?.closed)
        this.#gate.ended(session, session.endedBy ?? 'upstream');
      if (this.#sockets.size === 0) this.#tellEmpty();
    });
  }

  /** Resolves when no socket is left. */
  #empty(): Promise<void> {
    return new Promise((resolve) => {
      this.#emptied.push(resolve);
      if (this.#sockets.size === 0) this.#tellEmpty();
    });
  }

  #tellEmpty(): void {
    for (const resolve of this.#emptied.splice(0)) resolve();
  }

  /** Makes sure that the one timer rings no later than what is due first. Ringing too early is harmless. */
  #arm(): void {
    let dueMs = this.#gate.nextDeadline() ?? Infinity;
    for (const untilMs of this.#parting.values()) {
      dueMs = Math.min(dueMs, untilMs);
      break;
    }
    if (dueMs >= this.#timerDueMs) return;
    clearTimeout(this.#timer);
    this.#timerDueMs = dueMs;
    this.#timer = setTimeout(
      () => {
        this.#timerDueMs = Infinity;
        this.#tick();
        this.#arm();
      },
      Math.max(1, Math.ceil(dueMs - performance.now())),
    );
  }

  #tick(): void {
    const nowMs = performance.now();
    for (const [session, dueMs] of this.#parting) {
      if (dueMs > nowMs) break;
      this.#parting.delete(session);
      session.downstream.destroy();
    }
    this.#gate.tick();
  }
}
