import { performance } from 'node:perf_hooks';
import { Permits } from '../lifecycle/permits.ts';
import { Counters } from './core/counters.ts';
import { Durations } from './core/durations.ts';
import type { TunnelCommand, TunnelEvent } from './core/engine.ts';
import { TunnelRuntime } from './core/runtime.ts';
import { createBytesFlow } from './flow/bytes.ts';
import type { OpenCommand, ThreadAnswer } from './epoll-messages.ts';
import { Acceptor, type OpenListener } from './io/epoll/acceptor.ts';
import { EpollDialler } from './io/epoll/dialler.ts';
import type { Loop, LoopMember } from './io/epoll/loop.ts';
import type { Resolver } from './io/epoll/resolver.ts';

/** One tunnel in one thread: its runtime and its listeners, in the loop of the thread. */
export class ThreadTunnel implements LoopMember {
  dueMs = Infinity;
  readonly #id: number;
  readonly #loop: Loop;
  readonly #runtime: TunnelRuntime;
  readonly #acceptor: Acceptor;
  readonly #answer: (answer: ThreadAnswer) => void;
  readonly #closed: () => void;
  /** Something has happened that may change a deadline or a count. */
  #isTouched = true;
  #events: TunnelEvent[] = [];
  /** Descriptors that it does not listen on any more, of which the engine does not know yet. */
  #unlistened: number[] = [];

  /** @param closed is called when it has reported that it is closed */
  constructor(
    loop: Loop,
    resolver: Resolver,
    open: OpenCommand,
    answer: (answer: ThreadAnswer) => void,
    closed: () => void,
  ) {
    this.#id = open.tunnel;
    this.#loop = loop;
    this.#answer = answer;
    this.#closed = closed;
    const { spec, permits, firstClient, clientStep } = open;
    const report = (event: TunnelEvent): void => {
      this.#report(event);
    };
    const runtime = new TunnelRuntime({
      spec,
      permits: {
        clients: new Permits(permits.clients),
        waiting: new Permits(permits.waiting),
        total: new Permits(permits.total),
      },
      dialler: new EpollDialler(loop, resolver),
      createFlow: createBytesFlow,
      counters: new Counters(open.counters),
      durations: new Durations(new Float64Array(open.durations)),
      report,
      changed: () => {
        this.#touch();
      },
      firstClient,
      clientStep,
    });
    this.#runtime = runtime;
    this.#acceptor = new Acceptor(loop, new Permits(permits.descriptors), {
      accepted(connection, allowsReplication) {
        runtime.accept(connection, allowsReplication);
      },
      turnedAway(reason) {
        runtime.turnedAway(reason);
      },
      acceptFailed: () => {
        runtime.acceptFailed();
        this.#touch(); // the listener may have paused
      },
      paused(address, code) {
        runtime.acceptPaused(address, code);
      },
      resumed(address) {
        runtime.acceptResumed(address);
      },
    });
    for (const listener of open.listeners) this.#acceptor.add(listener);
    loop.members.add(this);
    loop.touch();
  }

  listen(listener: OpenListener): void {
    this.#touch();
    this.#acceptor.add(listener);
  }

  unlisten(fd: number): void {
    this.#touch();
    this.#acceptor.remove(fd);
    this.#unlistened.push(fd);
  }

  apply(command: TunnelCommand): void {
    this.#touch();
    if (command.kind === 'drain' || command.kind === 'close')
      this.#unlistened.push(...this.#acceptor.close());
    this.#runtime.apply(command);
    if (command.kind === 'close') this.#report({ kind: 'closed' });
  }

  settle(): void {
    if (this.dueMs > performance.now()) return;
    this.#touch();
    this.#runtime.tick();
    this.#acceptor.tick();
  }

  publish(): void {
    if (!this.#isTouched) return;
    this.#isTouched = false;
    this.#runtime.publish();
    this.dueMs = Math.min(this.#runtime.nextDeadline(), this.#acceptor.dueMs);
    for (const fd of this.#unlistened.splice(0)) this.#answer({ kind: 'unlistened', tunnel: this.#id, fd });
    if (this.#events.length === 0) return;
    const events = this.#events;
    this.#events = [];
    this.#answer({ kind: 'events', tunnel: this.#id, events });
    if (events.at(-1)?.kind !== 'closed') return;
    this.#loop.members.delete(this);
    this.#closed();
  }

  #report(event: TunnelEvent): void {
    this.#touch();
    this.#events.push(event);
  }

  #touch(): void {
    this.#isTouched = true;
    this.#loop.touch();
  }
}
