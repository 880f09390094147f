import { TunnelError, messageOf } from '../errors.ts';
import { Permits, unlimited } from '../lifecycle/permits.ts';
import { names } from '../net/names.ts';
import { OpenListeners } from '../net/own-listeners.ts';
import { checkRing } from '../os/ring-check.ts';
import { openKernel, type Syscalls } from '../os/syscalls.ts';
import type { LoopLag } from '../telemetry/lag.ts';
import type { Engine, EngineTunnel, TunnelEvent, TunnelSpec } from './core/engine.ts';
import type { CatchUp } from '../lifecycle/stall.ts';
import { bindListener, releaseListener, type Bound } from './epoll-binding.ts';
import type { ThreadAnswer } from './epoll-messages.ts';
import { ThreadHandle } from './epoll-thread-handle.ts';
import { EpollTunnel, type EpollShared } from './epoll-tunnel.ts';
import type { ThreadModule } from './thread-module.ts';

export interface EpollOptions {
  readonly threads: number;
  /** Whether connections that receive little at a time do so through an io_uring. Otherwise there is only epoll. */
  readonly usesRing?: boolean;
  /** Brings routes up to date after a stall of this process. Threads carry nothing until it resolves. */
  readonly catchUp?: CatchUp;
  /**
   * A thread has ended that should not have. Its clients are cut and it accepts no more: the tunnel is not whole, and only a new
   * process makes it so.
   */
  readonly fatal: (error: Error) => void;
  /** The module that the threads run; tests pass one that puts faults between the engine and the kernel. */
  readonly thread?: ThreadModule;
}

/** How often threads are shown that the main thread runs, in milliseconds. */
const heartbeatMs = 250;

/** Linux: system calls by FFI, in threads of their own that block in `epoll_wait`. */
export class EpollEngine implements Engine {
  readonly name: 'io_uring' | 'epoll';
  /** For another engine beside it, so that one limit holds for both: clients. */
  readonly clients = Permits.of(unlimited);
  /** Likewise: descriptors of clients, and of what is dialled for them. */
  readonly descriptors = Permits.of(unlimited);
  /** Likewise, so that neither dials the other. */
  readonly listeners = new OpenListeners();
  readonly #sys: Syscalls;
  readonly #threads: readonly ThreadHandle[];
  readonly #tunnels = new Map<number, EpollTunnel>();
  readonly #catchUp: CatchUp;
  readonly #heartbeat: NodeJS.Timeout;
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
    this.#heartbeat = setInterval(() => {
      for (const thread of threads) thread.heartbeat();
    }, heartbeatMs);
    this.#heartbeat.unref();
    this.listeners.onChange = () => {
      if (this.#isClosed) return;
      const { addresses } = this.listeners;
      for (const thread of threads) thread.send({ kind: 'own-addresses', addresses });
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

  async open(spec: TunnelSpec, report: (event: TunnelEvent) => void): Promise<EngineTunnel> {
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
    const shared: EpollShared = {
      threads: this.#threads,
      sys: this.#sys,
      clients: this.clients,
      descriptors: this.descriptors,
      listeners: this.listeners,
    };
    const tunnel = new EpollTunnel(id, spec, bound, shared, report);
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
    this.clients.most = maxConnections;
    this.descriptors.most = descriptors;
  }

  async close(): Promise<void> {
    this.#isClosed = true;
    clearInterval(this.#heartbeat);
    const closing = [...this.#tunnels.values()].map((tunnel) => {
      tunnel.apply({ kind: 'close' });
      return tunnel.closed;
    });
    await Promise.all(closing);
    await Promise.all(this.#threads.map((thread) => thread.stop()));
  }

  #assertOpen(): void {
    if (this.#isClosed) throw new TunnelError('ST_CLOSED', 'Cannot open a tunnel: the engine is closed');
  }

  #answered(thread: ThreadHandle, answer: ThreadAnswer): void {
    if (answer.kind === 'stalled') {
      void this.#catchUp(answer.stalled).finally(() => {
        thread.release();
      });
    }
    if (answer.kind === 'look-up') {
      const { host } = answer;
      names.find(host, (found) => {
        thread.send({ kind: 'looked-up', host, found });
      });
    }
    if ('tunnel' in answer) this.#tunnels.get(answer.tunnel)?.received(thread, answer);
  }
}
