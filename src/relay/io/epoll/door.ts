import { performance } from 'node:perf_hooks';
import type { Endpoint } from '../../../net/endpoint.ts';
import type { DoubtWord, Quiescence, Route, TunnelEvent, TunnelLimits } from '../../core/engine.ts';
import type { GatePort } from '../../core/gate-port.ts';
import { Gate } from '../../core/gate.ts';
import { Opening } from '../../core/opening.ts';
import { descriptorsPerSession, Places } from '../../core/places.ts';
import { descriptorsAreTaken, refusalLine } from '../../core/refusal.ts';
import type { Side } from '../../core/session.ts';
import * as abi from './abi.ts';
import { Acceptor } from './acceptor.ts';
import { Dialler } from './dialler.ts';
import type { LoopMember } from './loop-member.ts';
import type { Loop } from './loop.ts';
import {
  downstreamBytesAt,
  durationsIn,
  upstreamBytesAt,
  writeTally,
  type Command,
  type OpenListener,
} from './messages.ts';
import type { Resolver } from './resolver.ts';
import { roles, TunnelSession, type Socket } from './socket.ts';

/** What a door has to say to the engine, at the end of the turn in which it happened. */
export interface DoorReport {
  told(events: readonly TunnelEvent[]): void;
  drained(): void;
}

/** One tunnel in one thread: its listeners, its gate and what the gate asks for, done with descriptors. */
export class Door implements GatePort<TunnelSession>, LoopMember {
  dueMs = Infinity;
  readonly #loop: Loop;
  readonly #dialler: Dialler;
  readonly #gate: Gate<TunnelSession>;
  readonly #descriptors: Places;
  readonly #acceptor: Acceptor;
  readonly #report: DoorReport;
  readonly #tally: Float64Array;
  #told: TunnelEvent[] = [];
  /** Something has happened that may change a deadline or a count. */
  #isTouched = true;
  #isDraining = false;
  /** Refused clients that have not closed yet. */
  #parting = 0;
  readonly #sessionStep: number;
  #nextSession: number;

  constructor(loop: Loop, resolver: Resolver, order: Command & { kind: 'open' }, report: DoorReport) {
    this.#loop = loop;
    this.#dialler = new Dialler(loop, resolver, {
      connected: (session, upstream) => {
        this.#connected(session, upstream);
      },
      failed: (session, code) => {
        this.#touch().dialFailed(session, code);
      },
    });
    this.#report = report;
    this.#nextSession = order.firstSession;
    this.#sessionStep = order.sessionStep;
    this.#tally = new Float64Array(order.tally);
    this.#descriptors = new Places(order.descriptors);
    const places = {
      sessions: new Places(order.places.sessions),
      waiting: new Places(order.places.waiting),
      whole: new Places(order.places.whole),
    };
    const tell = (event: TunnelEvent): void => {
      this.#tell(event);
    };
    const durations = durationsIn(order.tally);
    this.#gate = new Gate<TunnelSession>(order.spec, places, this, tell, undefined, durations);
    this.#acceptor = new Acceptor(loop, order.listeners, {
      accepted: (fd, { allowReplication }) => {
        this.#accepted(fd, allowReplication);
      },
      turnedAway: (reason) => {
        this.#touch().turnedAway(reason);
      },
      paused: (address, code) => {
        this.#gate.acceptFailed();
        this.#tell({ kind: 'accept-paused', address, code });
      },
      failed: () => {
        this.#touch().acceptFailed();
      },
      resumed: (address) => {
        this.#tell({ kind: 'accept-resumed', address });
      },
    });
    loop.doors.add(this);
    loop.touch();
  }

  // What the engine asks.

  steer(route: Route): void {
    this.#touch().steer(route);
  }

  listen(listener: OpenListener): void {
    this.#touch();
    this.#acceptor.add(listener);
  }

  unlisten(fd: number): void {
    this.#touch();
    this.#acceptor.remove(fd);
  }

  adjust(limits: TunnelLimits): void {
    this.#touch().adjust(limits);
  }

  reassure(sessions: readonly number[]): void {
    this.#touch().reassured(sessions);
  }

  quiesce(withinMs: number, done: (quiescence: Quiescence) => void): void {
    this.#touch().quiesce(withinMs, done);
  }

  evict(): number {
    return this.#touch().evict();
  }

  drain(): void {
    this.#acceptor.close();
    this.#isDraining = true;
    this.#touch().drain();
  }

  /** Ends every session. What is left to say is said by the next `settle`; after that the door is forgotten. */
  close(): void {
    this.#acceptor.close();
    this.#loop.parting.endOf(this);
    this.#touch().cutAll();
  }

  // What the loop reports.

  accept(listener: Socket): boolean {
    return this.#acceptor.accept(listener);
  }

  downstreamEnded(session: TunnelSession, isBroken: boolean): void {
    // One that has asked something and half-closed may still want its answer. One that has not is gone.
    if (!isBroken && this.#loop.sys.peek(session.downstream.fd) > 0) {
      this.#touch().clientEnded(session);
      return;
    }
    session.dial += 1;
    this.#touch().ended(session, 'downstream');
    this.#closeBoth(session);
  }

  dialAnswered(session: TunnelSession, upstream: Socket, hasFailed: boolean): void {
    this.#dialler.answered(session, upstream, hasFailed);
  }

  dropped(session: TunnelSession): void {
    this.#touch().dropped(session);
  }

  halfClosed(session: TunnelSession, by: Side): void {
    this.#touch().halfClosed(session, by);
  }

  sessionEnded(session: TunnelSession, first: Side): void {
    this.#touch().ended(session, first);
    this.#closeBoth(session);
  }

  parted(): void {
    this.#touch();
    this.#parting -= 1;
  }

  heard(session: TunnelSession): void {
    if (session.phase.kind === 'relaying') this.#gate.firstByte(session.phase.generation);
  }

  replicates(session: TunnelSession): void {
    this.#touch().replicates(session);
  }

  doubted(session: TunnelSession, word: DoubtWord): void {
    this.#gate.doubted(session, word);
  }

  addUpstream(bytes: number): void {
    this.#tally[upstreamBytesAt] = (this.#tally[upstreamBytesAt] ?? 0) + bytes;
  }

  addDownstream(bytes: number): void {
    this.#tally[downstreamBytesAt] = (this.#tally[downstreamBytesAt] ?? 0) + bytes;
  }

  settle(): void {
    if (this.dueMs !== Infinity && this.dueMs <= performance.now()) {
      this.#touch().tick();
      this.#acceptor.tick();
    }
  }

  publish(): void {
    if (this.#isTouched) {
      this.#isTouched = false;
      writeTally(this.#tally, this.#gate.tally());
      this.dueMs = Math.min(this.#gate.nextDeadline() ?? Infinity, this.#acceptor.dueMs);
    }
    if (this.#told.length > 0) {
      const told = this.#told;
      this.#told = [];
      this.#report.told(told);
    }
    if (this.#isDraining && this.#gate.size === 0 && this.#parting === 0) {
      this.#isDraining = false;
      this.#report.drained();
    }
  }

  // What the gate asks.

  dial(session: TunnelSession, endpoint: Endpoint): void {
    this.#dialler.dial(session, endpoint);
  }

  abandonDial(session: TunnelSession): void {
    this.#dialler.abandon(session);
  }

  refuse(session: TunnelSession, line: string): void {
    session.dial += 1;
    const { downstream } = session;
    downstream.other = undefined;
    const bytes = new TextEncoder().encode(line);
    if (!this.#say(downstream.fd, bytes)) this.#loop.close(downstream);
    else {
      this.#loop.sys.shutdown(downstream.fd);
      this.#parting += 1;
      this.#loop.parting.begin(downstream, performance.now());
    }
  }

  hasClientEnded({ downstream }: TunnelSession): boolean {
    return this.#loop.sys.hasPeerEnded(downstream.fd);
  }

  finish(session: TunnelSession): void {
    session.dial += 1;
    this.#closeBoth(session);
  }

  rest(session: TunnelSession): void {
    this.#loop.rest(session);
  }

  wake(session: TunnelSession): void {
    const { downstream } = session;
    if (!session.isResting) return;
    session.isResting = false;
    downstream.role = roles.relaying;
    // Whatever an edge has told meanwhile: one read too many finds nothing.
    downstream.canRead = true;
    this.#loop.readAgain(downstream);
  }

  isFlushed(session: TunnelSession): boolean {
    return session.downstream.unsent === undefined;
  }

  cut(session: TunnelSession): void {
    session.dial += 1;
    if (session.upstream) this.#loop.reset(session.upstream);
    this.#loop.reset(session.downstream);
    session.upstream = undefined;
  }

  #connected(session: TunnelSession, upstream: Socket): void {
    if (this.#touch().dialled(session)) this.#loop.join(session.downstream, upstream);
    else {
      this.#loop.close(upstream);
      session.upstream = undefined;
    }
  }

  #accepted(fd: number, allowReplication: boolean): void {
    if (!this.#descriptors.take(descriptorsPerSession)) {
      const reason = descriptorsAreTaken(Math.floor(this.#descriptors.most / descriptorsPerSession));
      this.#say(fd, new TextEncoder().encode(refusalLine(reason)));
      this.#loop.sys.close(fd); // at once: it is one more than there should be
      this.#touch().turnedAway(reason);
      return;
    }
    const downstream = this.#loop.watch(fd, roles.waiting, false);
    if (typeof downstream === 'number') {
      this.#descriptors.give(descriptorsPerSession);
      this.#touch().acceptFailed();
      return;
    }
    downstream.permits = this.#descriptors;
    const session = new TunnelSession(this.#nextSession, performance.now(), this, downstream);
    this.#nextSession += this.#sessionStep;
    if (!allowReplication) session.opening = new Opening();
    downstream.session = session;
    this.#touch().admit(session);
  }

  /** One line fits the empty buffer of a new connection; where it does not, the client has gone. */
  #say(fd: number, bytes: Uint8Array): boolean {
    let sent = 0;
    while (sent < bytes.length) {
      const result = this.#loop.sys.sendRest(fd, bytes, sent);
      if (result < 0 && result !== abi.EINTR) return false;
      sent += Math.max(result, 0);
    }
    return true;
  }

  #closeBoth(session: TunnelSession): void {
    if (session.upstream) this.#loop.close(session.upstream);
    this.#loop.close(session.downstream);
    session.upstream = undefined;
  }

  #tell(event: TunnelEvent): void {
    this.#touch();
    this.#told.push(event);
  }

  #touch(): Gate<TunnelSession> {
    this.#loop.touch();
    this.#isTouched = true;
    return this.#gate;
  }
}
