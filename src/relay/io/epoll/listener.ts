import type { ListenAddress } from '../../../net/endpoint.ts';
import type { EngineListener } from '../../core/engine.ts';
import { Barrier } from './barrier.ts';
import { closeShared, type Bound } from './binding.ts';
import type { Syscalls } from './syscalls.ts';
import type { ThreadHandle } from './thread-handle.ts';

/** One listener in every thread. */
export class EpollListener implements EngineListener {
  readonly address: ListenAddress;
  readonly #bound: Bound;
  readonly #sys: Syscalls;
  readonly #unlistened: Barrier;
  readonly #left: () => void;
  readonly #close: (self: EpollListener) => Promise<void>;
  #closing: Promise<void> | undefined;
  #leaving: Promise<void> | undefined;

  constructor(
    bound: Bound,
    threads: readonly ThreadHandle[],
    sys: Syscalls,
    close: (self: EpollListener) => Promise<void>,
    left: () => void,
  ) {
    this.address = bound.address;
    this.#bound = bound;
    this.#sys = sys;
    this.#unlistened = new Barrier(threads);
    this.#close = close;
    this.#left = left;
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
    this.#left();
    this.#leaving ??= closeShared(this.#sys, this.#bound);
    return this.#leaving;
  }
}
