import type { ListenerConfig } from '../../config/config.ts';
import { TunnelError, messageOf } from '../../errors.ts';
import { formatListenAddress, type ListenAddress } from '../../net/endpoint.ts';
import type {
  Engine,
  EngineListener,
  EngineTunnel,
  Route,
  TunnelCounters,
  TunnelEvent,
  TunnelLimits,
  TunnelSpec,
} from '../engine.ts';
import { sumOfDurations, type Durations, type DurationsView } from '../durations.ts';
import { bindListener, closeShared, releaseListener, type Bound } from './listeners.ts';
import { durationsIn, newTally, readTallies, type Answer } from './messages.ts';
import { Places, unlimited } from '../places.ts';
import { Steering } from './steering.ts';
import { openKernel, type Syscalls } from './syscalls.ts';
import { ThreadHandle } from './thread-handle.ts';
import type { ThreadModule } from './thread-module.ts';

export interface EpollOptions {
  readonly threads: number;
  /** Brings routes up to date after a standstill of this process. Threads relay nothing until it resolves. */
  readonly catchUp?: () => Promise<void>;
  /**
   * A thread has ended that should not have. Its sessions are closed and nobody accepts for it any more: the tunnel
   * is not whole, and only a new process makes it so.
   */
  readonly fatal: (error: Error) => void;
  /** The module that the threads run; tests pass one that puts faults between the engine and the kernel. */
  readonly thread?: ThreadModule;
}

/** Linux: system calls by FFI, in threads of their own that block in `epoll_wait`. */
export class EpollEngine implements Engine {
  readonly name = 'epoll';
  readonly #sys: Syscalls;
  readonly #threads: readonly ThreadHandle[];
  readonly #tunnels = new Map<number, EpollTunnel>();
  /** For another engine beside it, so that one limit holds for both. */
  readonly places = Places.of(unlimited);
  readonly #catchUp: () => Promise<void>;
  #nextTunnel = 1;
  #isClosed = false;

  private constructor(sys: Syscalls, threads: readonly ThreadHandle[], catchUp: () => Promise<void>) {
    this.#sys = sys;
    this.#catchUp = catchUp;
    this.#threads = threads;
    for (const thread of threads) {
      thread.onAnswer = (answer) => {
        this.#answered(thread, answer);
      };
    }
  }

  /** @throws TunnelError `ST_ENGINE_UNAVAILABLE` saying why it cannot run here */
  static async start({
    threads,
    fatal,
    thread,
    catchUp = () => Promise.resolve(),
  }: EpollOptions): Promise<EpollEngine> {
    const started: ThreadHandle[] = [];
    try {
      const { sys } = await openKernel();
      for (let count = 0; count < threads; count += 1) started.push(new ThreadHandle(count, fatal, thread));
      await Promise.all(started.map((each) => each.ready));
      return new EpollEngine(sys, started, catchUp);
    } catch (error) {
      await Promise.all(started.map((each) => each.stop()));
      throw new TunnelError('ST_ENGINE_UNAVAILABLE', `Cannot run the engine "epoll": ${messageOf(error)}`, {
        cause: error,
      });
    }
  }

  async open(spec: TunnelSpec, tell: (event: TunnelEvent) => void): Promise<EngineTunnel> {
    this.#assertOpen();
    const bound: Bound[] = [];
    try {
      for (const listener of spec.listen)
        bound.push(await bindListener(this.#sys, listener, this.#threads.length));
      this.#assertOpen(); // closed, perhaps, while names of listen addresses were looked up
    } catch (error) {
      await Promise.all(bound.map((each) => releaseListener(this.#sys, each)));
      throw error;
    }
    const id = this.#nextTunnel;
    this.#nextTunnel += 1;
    const tunnel = new EpollTunnel(id, spec, bound, this.#threads, tell, this.#sys, this.places);
    this.#tunnels.set(id, tunnel);
    void tunnel.closed.then(() => this.#tunnels.delete(id));
    return tunnel;
  }

  async alive(withinMs: number): Promise<readonly string[]> {
    const answers = await Promise.all(
      this.#threads.map(async (thread) => ({ thread, isAlive: await thread.isAlive(withinMs) })),
    );
    return answers.flatMap(({ thread, isAlive }) => (isAlive ? [] : [thread.name]));
  }

  limit(maxConnections: number): void {
    this.places.most = maxConnections;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    await Promise.all([...this.#tunnels.values()].map((tunnel) => tunnel.close()));
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new TunnelError('ST_CLOSED', 'Cannot open a tunnel: the engine is closed');
  }

  #answered(thread: ThreadHandle, answer: Answer): void {
    if (answer.kind === 'stalled') {
      void this.#catchUp().finally(() => {
        thread.release();
      });
    }
    if ('tunnel' in answer) this.#tunnels.get(answer.tunnel)?.answered(thread, answer);
  }
}

class EpollTunnel implements EngineTunnel {
  readonly #id: number;
  readonly #listeners: Set<EpollListener>;
  readonly #threads: readonly ThreadHandle[];
  readonly #tallies: readonly Float64Array[];
  readonly #durations: readonly Durations[];
  readonly #steering: Steering;
  readonly #sys: Syscalls;
  readonly #left: Barrier;
  readonly #drained: Barrier;
  readonly #closed: Barrier;
  #evicting: Promise<number> | undefined;
  #evicted: (count: number) => void = () => undefined;
  #draining: Promise<void> | undefined;
  #leaving: Promise<void> | undefined;
  #closing: Promise<void> | undefined;

  constructor(
    id: number,
    spec: TunnelSpec,
    bound: readonly Bound[],
    threads: readonly ThreadHandle[],
    tell: (event: TunnelEvent) => void,
    sys: Syscalls,
    whole: Places,
  ) {
    this.#id = id;
    this.#threads = threads;
    this.#sys = sys;
    this.#listeners = new Set(bound.map((each) => this.#listenerOf(each)));
    this.#steering = new Steering(threads.length, tell);
    this.#left = new Barrier(threads);
    this.#drained = new Barrier(threads);
    this.#closed = new Barrier(threads);
    const places = {
      sessions: Places.of(spec.maxConnections).memory,
      waiting: Places.of(spec.holdMax).memory,
      whole: whole.memory,
    };
    const tallies = threads.map(() => newTally());
    this.#tallies = tallies.map((tally) => new Float64Array(tally));
    this.#durations = tallies.map(durationsIn);
    for (const [index, thread] of threads.entries()) {
      const tally = tallies[index] ?? newTally();
      thread.send({
        kind: 'open',
        tunnel: id,
        spec,
        places,
        listeners: bound.flatMap(({ perThread }) => perThread[index] ?? []),
        tally,
        firstSession: index + 1,
        sessionStep: threads.length,
      });
    }
  }

  get listening(): readonly ListenAddress[] {
    return [...this.#listeners].map(({ address }) => address);
  }

  async listen(wanted: ListenerConfig, handed?: number): Promise<EngineListener> {
    this.#assertOpen(wanted);
    const bound = await bindListener(this.#sys, wanted, this.#threads.length, handed);
    try {
      this.#assertOpen(wanted); // closed, perhaps, while its name was looked up
    } catch (error) {
      await releaseListener(this.#sys, bound);
      throw error;
    }
    const listener = this.#listenerOf(bound);
    this.#listeners.add(listener);
    for (const [index, thread] of this.#threads.entries()) {
      const own = bound.perThread[index];
      if (own) thread.send({ kind: 'listen', tunnel: this.#id, listener: own });
    }
    return listener;
  }

  adjust(limits: TunnelLimits): void {
    this.#send({ kind: 'adjust', tunnel: this.#id, limits });
  }

  steer(route: Route): void {
    this.#send({ kind: 'steer', tunnel: this.#id, route });
  }

  reassure(sessions: readonly number[]): void {
    this.#send({ kind: 'reassure', tunnel: this.#id, sessions });
  }

  /** A second one joins the first: what it would cut is being cut. */
  evict(): Promise<number> {
    this.#evicting ??= new Promise((resolve) => {
      let [left, sum] = [this.#threads.length, 0];
      this.#evicted = (count): void => {
        sum += count;
        left -= 1;
        if (left > 0) return;
        this.#evicting = undefined;
        resolve(sum);
      };
      this.#send({ kind: 'evict', tunnel: this.#id });
      // Once it is closed no thread answers for it any more.
      void this.#closed.all.then(() => {
        resolve(sum);
      });
    });
    return this.#evicting;
  }

  drain(): Promise<void> {
    this.#draining ??= this.#drain();
    return this.#draining;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  /** Resolves when every thread has closed it. */
  get closed(): Promise<void> {
    return this.#closed.all;
  }

  counters(): TunnelCounters {
    return readTallies(this.#tallies);
  }

  durations(): DurationsView {
    return sumOfDurations(this.#durations.map((durations) => durations.view()));
  }

  answered(thread: ThreadHandle, answer: Extract<Answer, { tunnel: number }>): void {
    switch (answer.kind) {
      case 'told':
        for (const event of answer.events) this.#steering.told(event, thread.index);
        return;
      case 'unlistened':
        for (const listener of this.#listeners) listener.passed(thread, answer.fd);
        return;
      case 'evicted':
        this.#evicted(answer.count);
        return;
      case 'left':
        this.#left.passed(thread);
        return;
      case 'drained':
        this.#drained.passed(thread);
        return;
      case 'closed':
        this.#left.passed(thread);
        this.#drained.passed(thread);
        this.#closed.passed(thread);
        return;
      default:
        answer satisfies never;
    }
  }

  async #drain(): Promise<void> {
    this.#send({ kind: 'drain', tunnel: this.#id });
    await this.#leave();
    await this.#drained.all;
  }

  async #close(): Promise<void> {
    this.#send({ kind: 'close', tunnel: this.#id });
    await this.#leave();
    await this.#closed.all;
  }

  /** What the threads have shared goes when none of them uses it any more. */
  #leave(): Promise<void> {
    this.#leaving ??= this.#left.all.then(async () => {
      for (const listener of this.#listeners) await listener.leave();
    });
    return this.#leaving;
  }

  #listenerOf(bound: Bound): EpollListener {
    return new EpollListener(bound, this.#threads, this.#sys, async (listener) => {
      if (this.#draining ?? this.#closing) {
        await this.#leave(); // the threads have been told already
        return;
      }
      for (const [index, thread] of this.#threads.entries()) {
        const own = bound.perThread[index];
        if (own) thread.send({ kind: 'unlisten', tunnel: this.#id, fd: own.fd });
      }
      await Promise.race([listener.unlistened, this.#left.all]);
      await listener.leave();
      this.#listeners.delete(listener);
    });
  }

  #assertOpen({ address }: ListenerConfig): void {
    if (!(this.#draining ?? this.#closing)) return;
    throw new TunnelError(
      'ST_CLOSED',
      `Cannot listen on "${formatListenAddress(address)}": the tunnel is closed`,
    );
  }

  #send(command: Parameters<ThreadHandle['send']>[0]): void {
    for (const thread of this.#threads) thread.send(command);
  }
}

/** One listener in every thread. */
class EpollListener implements EngineListener {
  readonly address: ListenAddress;
  readonly #bound: Bound;
  readonly #sys: Syscalls;
  readonly #unlistened: Barrier;
  readonly #close: (self: EpollListener) => Promise<void>;
  #closing: Promise<void> | undefined;
  #leaving: Promise<void> | undefined;

  constructor(
    bound: Bound,
    threads: readonly ThreadHandle[],
    sys: Syscalls,
    close: (self: EpollListener) => Promise<void>,
  ) {
    this.address = bound.address;
    this.#bound = bound;
    this.#sys = sys;
    this.#unlistened = new Barrier(threads);
    this.#close = close;
  }

  close(): Promise<void> {
    this.#closing ??= this.#close(this);
    return this.#closing;
  }

  /** Resolves when no thread listens on it any more. */
  get unlistened(): Promise<void> {
    return this.#unlistened.all;
  }

  passed(thread: ThreadHandle, fd: number): void {
    if (this.#bound.perThread[thread.index]?.fd === fd) this.#unlistened.passed(thread);
  }

  /** Gives back what the threads have shared. Idempotent. */
  leave(): Promise<void> {
    this.#leaving ??= closeShared(this.#sys, this.#bound);
    return this.#leaving;
  }
}

/** Resolves when every thread has passed it, or has ended. */
class Barrier {
  readonly all: Promise<void>;
  readonly #left: Set<ThreadHandle>;
  #open: () => void = () => undefined;

  constructor(threads: readonly ThreadHandle[]) {
    this.#left = new Set(threads);
    this.all = new Promise((resolve) => {
      this.#open = resolve;
    });
    for (const thread of threads) {
      void thread.ended.then(() => {
        this.passed(thread);
      });
    }
  }

  passed(thread: ThreadHandle): void {
    this.#left.delete(thread);
    if (this.#left.size === 0) this.#open();
  }
}
