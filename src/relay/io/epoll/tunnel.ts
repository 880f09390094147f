import type { ListenerConfig } from '../../../config/types.ts';
import { TunnelError } from '../../../errors.ts';
import { formatListenAddress, type ListenAddress } from '../../../net/endpoint.ts';
import { sumOfDurations, type Durations, type DurationsView } from '../../core/durations.ts';
import type {
  EngineListener,
  EngineTunnel,
  Route,
  TunnelCounters,
  TunnelEvent,
  TunnelLimits,
  TunnelSpec,
} from '../../core/engine.ts';
import type { OpenListeners } from '../../core/open-listeners.ts';
import { Places } from '../../core/places.ts';
import type { Quiescence } from '../../core/engine.ts';
import { Barrier } from './barrier.ts';
import { EpollListener } from './listener.ts';
import { bindListener, releaseListener, type Bound } from './binding.ts';
import { durationsIn, newTally, readTallies, type Answer } from './messages.ts';
import { Question } from './question.ts';
import { Steering } from './steering.ts';
import type { Syscalls } from './syscalls.ts';
import type { ThreadHandle } from './thread-handle.ts';

/** One tunnel, as the engine sees it: what it is asked goes to every thread, and what they tell is one. */
export class EpollTunnel implements EngineTunnel {
  readonly #id: number;
  readonly #listeners: Set<EpollListener>;
  readonly #threads: readonly ThreadHandle[];
  readonly #tallies: readonly Float64Array[];
  readonly #durations: readonly Durations[];
  readonly #steering: Steering;
  readonly #sys: Syscalls;
  readonly #open: OpenListeners;
  readonly #left: Barrier;
  readonly #drained: Barrier;
  readonly #closed: Barrier;
  readonly #evicted: Question<number>;
  readonly #quiet: Question<Quiescence>;
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
    descriptors: Places,
    open: OpenListeners,
  ) {
    this.#id = id;
    this.#threads = threads;
    this.#sys = sys;
    this.#open = open;
    this.#listeners = new Set(bound.map((each) => this.#listenerOf(each)));
    this.#steering = new Steering(threads.length, tell);
    this.#left = new Barrier(threads);
    this.#drained = new Barrier(threads);
    this.#closed = new Barrier(threads);
    const closed = this.#closed.all;
    this.#evicted = new Question(threads.length, closed, 0, (sum, count) => sum + count);
    this.#quiet = new Question(threads.length, closed, { resting: 0, busy: 0 }, (sum, next) => ({
      resting: sum.resting + next.resting,
      busy: sum.busy + next.busy,
    }));
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
        descriptors: descriptors.memory,
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

  quiesce(withinMs: number): Promise<Quiescence> {
    return this.#quiet.ask(() => {
      this.#send({ kind: 'quiesce', tunnel: this.#id, withinMs });
    });
  }

  evict(): Promise<number> {
    return this.#evicted.ask(() => {
      this.#send({ kind: 'evict', tunnel: this.#id });
    });
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
        this.#evicted.answered(answer.count);
        return;
      case 'quiet':
        this.#quiet.answered(answer.quiescence);
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
    const close = async (listener: EpollListener): Promise<void> => {
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
    };
    return new EpollListener(bound, this.#threads, this.#sys, close, this.#open.add(bound.address));
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
