import { TunnelError, messageOf } from '../../../errors.ts';
import { names } from '../../../net/names.ts';
import type { Engine, EngineTunnel, TunnelEvent, TunnelSpec } from '../../core/engine.ts';
import type { LoopLag } from '../../core/lag.ts';
import { OpenListeners } from '../../core/open-listeners.ts';
import { Places, unlimited } from '../../core/places.ts';
import type { CatchUp } from '../../core/stood.ts';
import { bindListener, releaseListener, type Bound } from './binding.ts';
import type { Answer } from './messages.ts';
import { checkRing } from './ring-check.ts';
import { openKernel, type Syscalls } from './syscalls.ts';
import { ThreadHandle } from './thread-handle.ts';
import type { ThreadModule } from './thread-module.ts';
import { EpollTunnel } from './tunnel.ts';

export interface EpollOptions {
  readonly threads: number;
  /** Whether threads carry what is short through an io_uring. Otherwise there is only epoll. */
  readonly usesRing?: boolean;
  /** Brings routes up to date after a standstill of this process. Threads relay nothing until it resolves. */
  readonly catchUp?: CatchUp;
  /**
   * A thread has ended that should not have. Its sessions are closed and nobody accepts for it any more: the tunnel
   * is not whole, and only a new process makes it so.
   */
  readonly fatal: (error: Error) => void;
  /** The module that the threads run; tests pass one that puts faults between the engine and the kernel. */
  readonly thread?: ThreadModule;
}

/** How often threads are told that the main thread runs, in milliseconds. */
const mainBeatMs = 250;

/** Linux: system calls by FFI, in threads of their own that block in `epoll_wait`. */
export class EpollEngine implements Engine {
  readonly name: 'io_uring' | 'epoll';
  readonly #sys: Syscalls;
  readonly #threads: readonly ThreadHandle[];
  readonly #tunnels = new Map<number, EpollTunnel>();
  /** For another engine beside it, so that one limit holds for both. */
  readonly places = Places.of(unlimited);
  /** Likewise: the descriptors of clients, and of what is dialled for them. */
  readonly descriptors = Places.of(unlimited);
  /** Likewise, so that neither dials the other. */
  readonly listeners = new OpenListeners();
  readonly #catchUp: CatchUp;
  /** Tells the threads that they are steered. */
  readonly #pulse: NodeJS.Timeout;
  #nextTunnel = 1;
  #isClosed = false;

  private constructor(
    name: EpollEngine['name'],
    sys: Syscalls,
    threads: readonly ThreadHandle[],
    catchUp: CatchUp,
  ) {
    this.name = name;
    this.#sys = sys;
    this.#catchUp = catchUp;
    this.#threads = threads;
    this.#pulse = setInterval(() => {
      for (const thread of threads) thread.beat();
    }, mainBeatMs);
    this.#pulse.unref();
    this.listeners.onChange = () => {
      if (this.#isClosed) return;
      const { addresses } = this.listeners;
      for (const thread of threads) thread.send({ kind: 'own', addresses });
    };
    for (const thread of threads) {
      thread.onAnswer = (answer) => {
        this.#answered(thread, answer);
      };
    }
  }

  /** @throws TunnelError `ST_ENGINE_UNAVAILABLE` saying why it cannot run here */
  static async start({
    threads,
    usesRing = false,
    fatal,
    thread,
    catchUp = () => Promise.resolve(),
  }: EpollOptions): Promise<EpollEngine> {
    const name = usesRing ? 'io_uring' : 'epoll';
    const started: ThreadHandle[] = [];
    try {
      const kernel = await openKernel();
      if (usesRing) checkRing(kernel);
      for (let count = 0; count < threads; count += 1)
        started.push(new ThreadHandle(count, usesRing, fatal, thread));
      await Promise.all(started.map((each) => each.ready));
      return new EpollEngine(name, kernel.sys, started, catchUp);
    } catch (error) {
      await Promise.all(started.map((each) => each.stop()));
      throw new TunnelError('ST_ENGINE_UNAVAILABLE', `Cannot run the engine "${name}": ${messageOf(error)}`, {
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
    const tunnel = new EpollTunnel(
      id,
      spec,
      bound,
      this.#threads,
      tell,
      this.#sys,
      this.places,
      this.descriptors,
      this.listeners,
    );
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

  lags(): readonly LoopLag[] {
    return this.#threads.map((thread) => ({ loop: thread.name, lag: thread.lag.view() }));
  }

  limit(maxConnections: number, descriptors = unlimited): void {
    this.places.most = maxConnections;
    this.descriptors.most = descriptors;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#pulse);
    await Promise.all([...this.#tunnels.values()].map((tunnel) => tunnel.close()));
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new TunnelError('ST_CLOSED', 'Cannot open a tunnel: the engine is closed');
  }

  #answered(thread: ThreadHandle, answer: Answer): void {
    if (answer.kind === 'stalled') {
      void this.#catchUp(answer.stood).finally(() => {
        thread.release();
      });
    }
    if (answer.kind === 'look-up') {
      const { host } = answer;
      names.find(host, (found) => {
        thread.send({ kind: 'looked-up', host, found });
      });
    }
    if ('tunnel' in answer) this.#tunnels.get(answer.tunnel)?.answered(thread, answer);
  }
}
