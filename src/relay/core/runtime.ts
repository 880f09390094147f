import { performance } from 'node:perf_hooks';
import { unreachable } from '../../lifecycle/unreachable.ts';
import type { ListenAddress } from '../../net/endpoint.ts';
import { denialLine, refusalLine } from '../../net/refusal-reply.ts';
import type { ClientTls } from '../../net/tls.ts';
import type { CreateFlow, Side, SuspectWord } from '../flow/flow.ts';
import type { Connection, Dialler } from '../io/connection.ts';
import { Admission, type TunnelPermits } from './admission.ts';
import { Client, type ClientOwner } from './client.ts';
import { Clients } from './clients.ts';
import type { Counters } from './counters.ts';
import type { Durations } from './durations.ts';
import type { EndReason, Route, TunnelCommand, TunnelEvent, TunnelLimits, TunnelSpec } from './engine.ts';
import { Freeze } from './freeze.ts';
import { LingeringClose } from './lingering-close.ts';
import { noReplication, shuttingDown, tooManyWait, unanswered, unreached, waitedTooLong } from './refusal.ts';
import { Reporter } from './reporter.ts';
import { Suspicion } from './suspicion.ts';
import { HalfCloseTimeout, IdleTimeout } from './idle-timeouts.ts';
import { Upstream, type UpstreamOwner } from './upstream.ts';

/** Wait before a failed dial is tried again at the same endpoint, in milliseconds. A new route cuts it short. */
const retryAfterMs = 100;

/** What a tunnel runs on. */
export interface RuntimeOptions {
  readonly spec: TunnelSpec;
  readonly permits: TunnelPermits;
  readonly dialler: Dialler;
  readonly createFlow: CreateFlow;
  readonly counters: Counters;
  readonly durations: Durations;
  readonly report: (event: TunnelEvent) => void;
  /** Called when a deadline or a number may have changed: `nextDeadline` and `publish` are to be looked at. */
  readonly changed: () => void;
  /** Clients are numbered from here, in these steps, so that no two threads give one number. */
  readonly firstClient?: number;
  readonly clientStep?: number;
  /** The clock, in milliseconds. */
  readonly now?: () => number;
}

/**
 * The rules of one tunnel, the same for every engine: who is admitted, who waits and how long, who dials where, who is cut and
 * what a refused client reads. It does no I/O but through connections and a dialler, and holds no timer: its engine calls
 * `tick` at `nextDeadline()`. Nothing here is proportional to the number of idle clients but a new route.
 */
export class TunnelRuntime implements ClientOwner, UpstreamOwner<Client> {
  #spec: TunnelSpec;
  #upstreamTls: ClientTls | undefined;
  #route: Route = { kind: 'hold', generation: 0, reason: 'the master is not known yet' };
  /** Nobody is admitted any more. */
  #isClosed = false;
  /** A drain was asked for, and has not been reported as done. */
  #isDraining = false;
  /** The errno name of the dial that failed last. */
  #lastFailure = '';
  #nextClient: number;
  readonly #clientStep: number;
  readonly #dialler: Dialler;
  readonly #createFlow: CreateFlow;
  readonly #admission: Admission;
  readonly #counters: Counters;
  readonly #durations: Durations;
  readonly #reporter: Reporter;
  readonly #changed: () => void;
  readonly #now: () => number;
  readonly #clients = new Clients();
  readonly #suspicion = new Suspicion();
  readonly #halfClosed = new HalfCloseTimeout();
  readonly #idle: IdleTimeout;
  readonly #freeze = new Freeze();
  readonly #lingering = new LingeringClose(() => {
    this.#reportIfDrained();
  });

  constructor(options: RuntimeOptions) {
    const { spec, permits, now = () => performance.now() } = options;
    this.#spec = spec;
    this.#upstreamTls = spec.upstreamTls;
    this.#dialler = options.dialler;
    this.#createFlow = options.createFlow;
    this.#admission = new Admission(spec.name, permits);
    this.#counters = options.counters;
    this.#durations = options.durations;
    this.#reporter = new Reporter(options.report, now);
    this.#changed = options.changed;
    this.#now = now;
    this.#idle = new IdleTimeout(spec.idleMs);
    this.#nextClient = options.firstClient ?? 1;
    this.#clientStep = options.clientStep ?? 1;
  }

  // What listeners say.

  /** A client was accepted: it is dialled for, waits, or is refused, by the route and the limits. */
  accept(connection: Connection, allowsReplication: boolean): void {
    const client = new Client(this.#nextClient, this.#now(), connection, allowsReplication, this);
    this.#nextClient += this.#clientStep;
    this.#counters.admitted();
    this.#admit(client);
    this.#changed();
  }

  /** A client was turned away before it was admitted. */
  turnedAway(reason: string): void {
    this.#counters.admitted();
    this.#counters.ended('refused');
    this.#reporter.turnedAway(reason);
    this.#changed();
  }

  /** A connection was lost before it could be accepted. */
  acceptFailed(): void {
    this.#counters.acceptFailed();
  }

  acceptPaused(address: ListenAddress, code: string): void {
    this.#counters.acceptFailed();
    this.#reporter.report({ kind: 'accept-paused', address, code });
  }

  acceptResumed(address: ListenAddress): void {
    this.#reporter.report({ kind: 'accept-resumed', address });
  }

  // What is asked of the tunnel.

  /** Carries out a command. The engine owns the listeners, and closes them at `drain` and at `close`. */
  apply(command: TunnelCommand): void {
    switch (command.kind) {
      case 'steer':
        this.#steer(command.route);
        break;
      case 'limits':
        this.#adjust(command.limits);
        break;
      case 'freeze':
        this.#freeze.begin(this.#clients.attached, this.#now(), command.withinMs, (outcome) => {
          this.#reporter.report({ kind: 'frozen', ...outcome });
        });
        break;
      case 'thaw':
        this.#freeze.end();
        break;
      case 'trust':
        if (this.#suspicion.answered(command.clients, this.#now())) this.#dialWaiting();
        break;
      case 'evict': {
        const cut = this.#clients.attached.size;
        for (const client of this.#clients.attached) this.#cut(client, 'evicted');
        this.#reporter.report({ kind: 'evicted', cut });
        break;
      }
      case 'drain':
        this.#isClosed = true;
        this.#isDraining = true;
        for (const client of this.#clients.waiting) this.#refuse(client, shuttingDown);
        this.#reportIfDrained();
        break;
      case 'close':
        this.#close();
        break;
      default:
        unreachable(command);
    }
    this.#changed();
  }

  /** What is known may be out of date: nobody is dialled for until `resume`, or another route. */
  suspend(): void {
    this.#suspicion.beginUntilEnded();
    for (const { client } of this.#clients.connecting) {
      this.#admission.admitToWait(client); // it waits even where no more may: nobody is refused on suspicion alone
      this.#stopDialling(client);
    }
    this.#changed();
  }

  resume(): void {
    this.#suspicion.end();
    this.#dialWaiting();
    this.#changed();
  }

  /** When `tick` has to be called, on the clock of the runtime, in milliseconds; `Infinity` while nothing waits. */
  nextDeadline(): number {
    return Math.min(
      this.#clients.dueMs(this.#spec.holdMs),
      this.#halfClosed.dueMs,
      this.#idle.dueMs,
      this.#freeze.dueMs,
      this.#suspicion.dueMs,
      this.#lingering.dueMs,
      this.#reporter.dueMs,
    );
  }

  /** Does what is due. */
  tick(): void {
    const nowMs = this.#now();
    if (this.#freeze.dueMs <= nowMs) this.#freeze.tick(nowMs);
    for (const upstream of this.#clients.connecting) {
      if (upstream.untilMs > nowMs) break;
      this.#failDial(upstream, 'ETIMEDOUT');
    }
    for (const client of this.#clients.waiting) {
      if (client.waitingSinceMs + this.#spec.holdMs > nowMs) break;
      this.#refuse(client, waitedTooLong(this.#spec, this.#whyHeldTooLong(client)));
    }
    for (const client of this.#clients.retrying) {
      if (client.retryMs === undefined || client.retryMs > nowMs) break;
      if (this.#route.kind === 'serve' && !this.#suspicion.isOpen) this.#release(client, this.#route);
      else this.#clients.hold(client);
    }
    for (const [client, by] of this.#halfClosed.expired(nowMs)) this.#cut(client, by);
    for (const client of this.#idle.expired(nowMs)) {
      client.connection.close();
      client.upstream?.close();
      this.#end(client, 'idle');
    }
    if (this.#suspicion.dueMs <= nowMs) {
      this.#suspicion.end();
      this.#dialWaiting();
    }
    this.#lingering.tick(nowMs);
    this.#reporter.flush(nowMs);
    this.#changed();
  }

  /** Writes how many clients there are now into the counters. */
  publish(): void {
    this.#counters.setNow(this.#clients.open, this.#clients.held);
  }

  // What happens to upstreams.

  upstreamConnected(upstream: Upstream<Client>, connection: Connection): void {
    const { client, generation } = upstream;
    const nowMs = this.#now();
    this.#durations.dialled(nowMs - upstream.dialledMs);
    this.#clients.attach(client, upstream);
    client.flow ??= this.#createFlow(client, this.#counters);
    this.#idle.add(client, nowMs);
    if (this.#spec.reportsSessions) this.#reporter.sessionOpened(client, generation);
    client.flow.attach(connection);
    this.#changed();
  }

  upstreamFailed(upstream: Upstream<Client>, code: string): void {
    this.#failDial(upstream, code);
    this.#changed();
  }

  // What happens to clients.

  /**
   * A client that waits sends nothing more. One that has asked nothing has left. What another has asked must not be carried out
   * without it while it waits: Redis forgets a client at the end of its stream too. But while it is dialled for, or the server
   * is only suspected, it may be one that sends all of its commands at once and then reads.
   */
  clientEnding(client: Client, hasUnread: boolean): void {
    client.hasEnded = true;
    const isOnItsWay =
      client.upstream !== undefined || (client.retryMs === undefined && this.#isOnlySuspected);
    if (!hasUnread || !isOnItsWay) this.#leave(client);
    this.#changed();
  }

  clientGone(client: Client): void {
    this.#leave(client);
    this.#changed();
  }

  clientFinished(client: Client, by: Side): void {
    client.upstream?.close();
    this.#end(client, by);
    this.#changed();
  }

  clientHalfClosed(client: Client, by: Side): void {
    if (client.state !== 'attached') return;
    this.#halfClosed.add(client, by, this.#now());
    this.#changed();
  }

  /** A client has begun to replicate where that is not allowed: it is refused, and nothing of it goes to the server. */
  clientReplicates(client: Client): void {
    if (client.connection.isFlushed) this.#refuse(client, noReplication, denialLine(noReplication));
    else {
      // A line would be taken for a part of the reply that it is still reading.
      this.#cut(client, 'refused');
      this.#reporter.refused(noReplication);
    }
    this.#changed();
  }

  firstReply({ upstream }: Client): void {
    if (upstream) this.#reporter.firstReply(upstream.generation);
  }

  suspectReply({ upstream }: Client, word: SuspectWord): void {
    if (upstream) this.#reporter.suspectReply(upstream, word);
  }

  /**
   * Until the server has answered on a new connection, or the time of the suspicion is over, new clients wait instead of being dialled
   * into a process that may be dying.
   */
  serverDropped({ id, upstream }: Client): void {
    if (!upstream || this.#route.kind !== 'serve') return;
    if (!this.#suspicion.begin(id, this.#now())) return;
    for (const { client } of this.#clients.connecting)
      if (this.#admission.admitToWait(client)) this.#stopDialling(client);
    const { generation, endpoint } = upstream;
    this.#reporter.report({ kind: 'dropped', generation, endpoint, client: id });
    this.#changed();
  }

  #admit(client: Client): void {
    const refusal = this.#isClosed ? shuttingDown : this.#admission.admit(client);
    if (refusal !== undefined) {
      this.#refuse(client, refusal);
      return;
    }
    switch (this.#route.kind) {
      case 'serve':
        this.#clients.add(client);
        // Nobody is refused on suspicion alone: where no more may wait, the dial goes on.
        if (!this.#suspicion.isOpen || !this.#admission.admitToWait(client))
          this.#begin(this.#dial(client, this.#route));
        return;
      case 'hold':
        if (this.#admission.admitToWait(client)) this.#clients.add(client);
        else this.#refuse(client, tooManyWait(this.#spec, this.#route.reason));
        return;
      case 'refuse':
        this.#refuse(client, this.#route.reason);
        return;
      default:
        unreachable(this.#route);
    }
  }

  /** Carries out a route: see `Route` for what each kind does to clients old and new. */
  #steer(route: Route): void {
    this.#route = route;
    this.#suspicion.end();
    const cut = this.#leaveGenerations(route.generation);
    for (const { client, generation } of this.#clients.connecting) {
      if (generation === route.generation && route.kind === 'serve') continue;
      this.#stopDialling(client);
      // Nothing of it has gone anywhere, so it waits. More may dial at once than may wait; the latest of them are refused.
      if (!client.hasEnded && route.kind === 'hold' && !this.#admission.admitToWait(client))
        this.#refuse(client, tooManyWait(this.#spec, route.reason));
    }
    for (const client of this.#clients.retrying) this.#clients.hold(client);
    for (const client of this.#clients.waiting)
      if (client.hasEnded && client.upstream === undefined) this.#leave(client);
    if (route.kind === 'serve') this.#freeze.end();
    let released = 0;
    if (route.kind !== 'hold') {
      for (const client of this.#clients.waiting) {
        if (client.upstream !== undefined) continue;
        if (route.kind === 'serve') {
          if (this.#release(client, route)) released += 1;
        } else this.#refuse(client, route.reason);
      }
    }
    const { held } = this.#clients;
    this.#reporter.report({ kind: 'steered', generation: route.generation, cut, held, released });
  }

  /** Closes the upstreams of other generations; what becomes of their clients is for the flow to say. @returns how many were cut */
  #leaveGenerations(generation: number): number {
    let cut = 0;
    for (const client of this.#clients.attached) {
      if (client.upstream?.generation === generation) continue;
      if (client.flow?.upstreamLost() === 'waits') {
        client.upstream?.reset();
        this.#idle.delete(client);
        this.#halfClosed.delete(client);
        this.#clients.detach(client, this.#now());
        this.#admission.admitToWait(client); // it waits even where no more may: it was let in before
      } else {
        this.#cut(client, 'evicted');
        cut += 1;
      }
    }
    return cut;
  }

  /** Changes the limits and ends nobody: who is in stays in. Clients that wait or are dialled for have the new times. */
  #adjust(limits: TunnelLimits): void {
    const laterMs = limits.dialMs - this.#spec.dialMs;
    this.#spec = { ...this.#spec, ...limits };
    this.#upstreamTls = limits.upstreamTls; // plain where they name none
    this.#admission.adjust(limits);
    this.#idle.adjust(limits.idleMs, this.#clients.attached, this.#now());
    if (laterMs !== 0) this.#clients.postponeDials(laterMs);
  }

  #close(): void {
    this.#isClosed = true;
    for (const client of [...this.#clients.waiting, ...this.#clients.attached]) this.#cut(client, 'drained');
    this.#lingering.tick(Infinity);
    this.#freeze.end();
    this.#reporter.flush(Infinity);
  }

  #dial(client: Client, { generation, endpoint }: Route & { kind: 'serve' }): Upstream<Client> {
    const nowMs = this.#now();
    this.#admission.waited(client);
    const upstream = new Upstream(generation, endpoint, client, this, nowMs, nowMs + this.#spec.dialMs);
    this.#clients.connect(client, upstream);
    return upstream;
  }

  #begin(upstream: Upstream<Client>): void {
    upstream.begin(this.#dialler, this.#upstreamTls);
  }

  #failDial(upstream: Upstream<Client>, code: string): void {
    const { client } = upstream;
    upstream.reset();
    this.#lastFailure = code;
    if (client.hasEnded) this.#leave(client);
    else if (this.#admission.admitToWait(client)) this.#clients.retry(client, this.#now() + retryAfterMs);
    else this.#refuse(client, tooManyWait(this.#spec, unreached(this.#spec.name, code)));
    this.#counters.dialFailed();
    this.#reporter.dialFailed(upstream, code);
  }

  /** Whether there is a master, and only its answer to our question is waited for. */
  get #isOnlySuspected(): boolean {
    return this.#route.kind === 'serve' && this.#suspicion.isOpen;
  }

  /** Dials for a client that has waited, unless it has left meanwhile. @returns whether it has not, as far as is known yet */
  #release(client: Client, route: Route & { kind: 'serve' }): boolean {
    const upstream = this.#dial(client, route);
    if (client.flow) {
      // Its flow reads from it, and would have seen its end.
      this.#begin(upstream);
      return true;
    }
    client.connection.checkPeer((hasEnded) => {
      if (upstream.state !== 'connecting') return;
      if (hasEnded) {
        this.#leave(client);
        this.#changed();
      } else this.#begin(upstream);
    });
    return client.state !== 'ended';
  }

  /** A client that waits has given up. Nothing of it is at a server. */
  #leave(client: Client): void {
    client.upstream?.reset();
    client.connection.close();
    this.#end(client, 'downstream');
  }

  /** Nothing of a client that is dialled for has gone anywhere: it waits instead. */
  #stopDialling(client: Client): void {
    client.upstream?.reset();
    this.#clients.hold(client);
  }

  #dialWaiting(): void {
    if (this.#route.kind !== 'serve') return;
    for (const client of this.#clients.waiting)
      if (client.upstream === undefined && client.retryMs === undefined)
        this.#begin(this.#dial(client, this.#route));
  }

  #refuse(client: Client, reason: string, line = refusalLine(reason)): void {
    client.upstream?.reset();
    this.#lingering.begin(client.connection, line, this.#now());
    this.#end(client, 'refused');
    this.#reporter.refused(reason);
  }

  #cut(client: Client, reason: EndReason): void {
    client.upstream?.reset();
    client.connection.reset();
    this.#end(client, reason);
  }

  #end(client: Client, reason: EndReason): void {
    const lastedMs = this.#now() - client.admittedMs;
    if (client.flow) this.#durations.lasted(lastedMs);
    this.#clients.end(client);
    this.#halfClosed.delete(client);
    this.#idle.delete(client);
    this.#freeze.delete(client);
    this.#admission.release(client);
    this.#counters.ended(reason);
    if (this.#spec.reportsSessions) this.#reporter.sessionEnded(client, reason, lastedMs);
    this.#reportIfDrained();
  }

  #reportIfDrained(): void {
    if (!this.#isDraining || this.#clients.size > 0 || this.#lingering.size > 0) return;
    this.#isDraining = false;
    this.#reporter.report({ kind: 'drained' });
  }

  #whyHeldTooLong({ upstream }: Client): string {
    if (this.#route.kind !== 'serve') return this.#route.reason;
    const { name } = this.#spec;
    return upstream ? unanswered(name) : unreached(name, this.#lastFailure);
  }
}
