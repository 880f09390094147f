import type { ListenerConfig } from '../config/types.ts';
import { TunnelError } from '../errors.ts';
import { Permits } from '../lifecycle/permits.ts';
import { formatListenAddress, type ListenAddress } from '../net/endpoint.ts';
import type { OpenListeners } from '../net/own-listeners.ts';
import type { Syscalls } from '../os/syscalls.ts';
import { Counters } from './core/counters.ts';
import { Durations, durationsLength, sumOfDurations, type DurationsView } from './core/durations.ts';
import type {
  EngineListener,
  EngineTunnel,
  TunnelCommand,
  TunnelCounters,
  TunnelEvent,
  TunnelSpec,
} from './core/engine.ts';
import { bindListener, closeShared, releaseListener, type Bound } from './epoll-binding.ts';
import { EventMerger, nothingDone } from './epoll-merger.ts';
import type { ThreadAnswer } from './epoll-messages.ts';
import type { ThreadHandle } from './epoll-thread-handle.ts';

/** What the tunnels of an engine share. */
export interface EpollShared {
  readonly threads: readonly ThreadHandle[];
  readonly sys: Syscalls;
  /** Clients of all tunnels together. */
  readonly clients: Permits;
  /** Descriptors of clients, and of what is dialled for them. */
  readonly descriptors: Permits;
  readonly listeners: OpenListeners;
}

/** One tunnel, as the engine sees it: commands go to every thread, and what the threads report is made one. */
export class EpollTunnel implements EngineTunnel {
  /** Resolves when every thread has closed it, and what was bound is free. */
  readonly closed: Promise<void>;
  readonly #id: number;
  readonly #shared: EpollShared;
  readonly #report: (event: TunnelEvent) => void;
  readonly #merger: EventMerger;
  readonly #listeners = new Set<EpollListener>();
  readonly #counters: readonly Counters[];
  readonly #durations: readonly Durations[];
  #isDraining = false;
  #isClosing = false;
  #resolveClosed: () => void = () => undefined;

  constructor(
    id: number,
    spec: TunnelSpec,
    bound: readonly Bound[],
    shared: EpollShared,
    report: (event: TunnelEvent) => void,
  ) {
    const { threads } = shared;
    this.#id = id;
    this.#shared = shared;
    this.#report = report;
    this.#merger = new EventMerger(threads.length, (event) => {
      this.#happened(event);
    });
    this.closed = new Promise((resolve) => {
      this.#resolveClosed = resolve;
    });
    for (const each of bound) this.#addListener(each);
    const permits = {
      clients: Permits.of(spec.maxConnections).memory,
      waiting: Permits.of(spec.holdMax).memory,
      total: shared.clients.memory,
      descriptors: shared.descriptors.memory,
    };
    const counters: Counters[] = [];
    const durations: Durations[] = [];
    for (const [index, thread] of threads.entries()) {
      const counted = new Counters();
      const lasted = new SharedArrayBuffer(durationsLength * Float64Array.BYTES_PER_ELEMENT);
      counters.push(counted);
      durations.push(new Durations(new Float64Array(lasted)));
      thread.send({
        kind: 'open',
        tunnel: id,
        spec,
        permits,
        listeners: bound.flatMap(({ perThread }) => perThread[index] ?? []),
        counters: counted.memory,
        durations: lasted,
        firstClient: index + 1,
        clientStep: threads.length,
      });
      void thread.ended.then(() => {
        this.#merger.threadEnded(index);
      });
    }
    this.#counters = counters;
    this.#durations = durations;
  }

  get listening(): readonly ListenAddress[] {
    return [...this.#listeners].map(({ address }) => address);
  }

  async listen(wanted: ListenerConfig, handed?: number): Promise<EngineListener> {
    this.#assertOpen(wanted);
    const { sys, threads } = this.#shared;
    const bound = await bindListener(sys, wanted, threads.length, handed);
    try {
      this.#assertOpen(wanted); // closed, perhaps, while its name was looked up
    } catch (error) {
      await releaseListener(sys, bound);
      throw error;
    }
    for (const [index, thread] of threads.entries()) {
      const listener = bound.perThread[index];
      if (listener) thread.send({ kind: 'listen', tunnel: this.#id, listener });
    }
    return this.#addListener(bound);
  }

  apply(command: TunnelCommand): void {
    if (this.#isClosing) {
      // No thread knows the tunnel any more: there is nothing to do.
      const answer = command.kind === 'close' ? undefined : nothingDone(command);
      if (answer) this.#report(answer);
      return;
    }
    if (command.kind === 'drain') {
      if (this.#isDraining) return;
      this.#isDraining = true;
    }
    this.#isClosing = command.kind === 'close';
    this.#merger.sent(command);
    for (const thread of this.#shared.threads) thread.send({ kind: 'tunnel', tunnel: this.#id, command });
  }

  counters(): TunnelCounters {
    return Counters.sum(this.#counters);
  }

  durations(): DurationsView {
    return sumOfDurations(this.#durations.map((durations) => durations.view()));
  }

  /** Takes what a thread has sent about this tunnel. */
  received(thread: ThreadHandle, answer: Extract<ThreadAnswer, { tunnel: number }>): void {
    if (answer.kind === 'events')
      for (const event of answer.events) this.#merger.received(event, thread.index);
    else for (const listener of this.#listeners) listener.unlistened(thread, answer.fd);
  }

  #happened(event: TunnelEvent): void {
    if (event.kind !== 'drained' && event.kind !== 'closed') {
      this.#report(event);
      return;
    }
    // Threads that have drained or closed do not listen any more, and say so at the same time.
    void Promise.all([...this.#listeners].map(({ free }) => free)).then(() => {
      this.#report(event);
      if (event.kind === 'closed') this.#resolveClosed();
    });
  }

  #addListener(bound: Bound): EpollListener {
    const { threads, sys, listeners } = this.#shared;
    const listener = new EpollListener(bound, threads, sys, () => {
      if (this.#isDraining || this.#isClosing) return; // the threads stop by themselves
      for (const [index, thread] of threads.entries()) {
        const own = bound.perThread[index];
        if (own) thread.send({ kind: 'unlisten', tunnel: this.#id, fd: own.fd });
      }
      void listener.free.then(() => this.#listeners.delete(listener));
    });
    this.#listeners.add(listener);
    void listener.free.then(listeners.add(bound.address));
    return listener;
  }

  #assertOpen({ address }: ListenerConfig): void {
    if (!this.#isDraining && !this.#isClosing) return;
    throw new TunnelError(
      'ST_CLOSED',
      `Cannot listen on "${formatListenAddress(address)}": the tunnel is closed`,
    );
  }
}

/** One listener in every thread. */
class EpollListener implements EngineListener {
  readonly address: ListenAddress;
  /** Resolves when no thread listens on it any more, and what they shared is given back. */
  readonly free: Promise<void>;
  readonly #bound: Bound;
  readonly #using: Set<ThreadHandle>;
  readonly #unlisten: () => void;
  #unused: () => void = () => undefined;
  #isClosing = false;

  /** @param unlisten has every thread stop listening */
  constructor(bound: Bound, threads: readonly ThreadHandle[], sys: Syscalls, unlisten: () => void) {
    this.address = bound.address;
    this.#bound = bound;
    this.#using = new Set(threads);
    this.#unlisten = unlisten;
    const unused = new Promise<void>((resolve) => {
      this.#unused = resolve;
    });
    this.free = unused.then(() => closeShared(sys, bound));
    for (const thread of threads) {
      void thread.ended.then(() => {
        this.#stopped(thread);
      });
    }
  }

  close(): Promise<void> {
    if (!this.#isClosing) this.#unlisten();
    this.#isClosing = true;
    return this.free;
  }

  unlistened(thread: ThreadHandle, fd: number): void {
    if (this.#bound.perThread[thread.index]?.fd === fd) this.#stopped(thread);
  }

  #stopped(thread: ThreadHandle): void {
    this.#using.delete(thread);
    if (this.#using.size === 0) this.#unused();
  }
}
