import type { Socket } from 'node:net';
import type { ListenerConfig } from '../config/types.ts';
import { TunnelError } from '../errors.ts';
import { Permits, unlimited } from '../lifecycle/permits.ts';
import { formatListenAddress, type ListenAddress } from '../net/endpoint.ts';
import { OpenListeners, OwnListeners } from '../net/own-listeners.ts';
import type { LoopLag } from '../telemetry/lag.ts';
import { Counters } from './core/counters.ts';
import { Durations, type DurationsView } from './core/durations.ts';
import type {
  Engine,
  EngineListener,
  EngineTunnel,
  TunnelCommand,
  TunnelCounters,
  TunnelEvent,
  TunnelSpec,
} from './core/engine.ts';
import { TunnelRuntime } from './core/runtime.ts';
import type { CatchUp } from '../lifecycle/stall.ts';
import { createBytesFlow } from './flow/bytes.ts';
import { StreamsConnection } from './io/streams/connection.ts';
import { openOthersThan, StreamsDialler, type OpenSocket } from './io/streams/dialler.ts';
import { Listener } from './io/streams/listener.ts';
import { StallDetector } from './io/streams/stall-detector.ts';

export interface StreamsOptions {
  /** Brings routes up to date after a stall of this process; without it none is noticed. */
  readonly catchUp?: CatchUp;
  /** Those of another engine beside it, where one limit holds for both. */
  readonly clients?: Permits;
  readonly descriptors?: Permits;
  /** Those of another engine beside it, where neither is to dial the other. */
  readonly listeners?: OpenListeners;
}

/** What the tunnels of an engine share. */
interface Shared {
  readonly clients: Permits;
  readonly descriptors: Permits;
  readonly listeners: OpenListeners;
  readonly open: OpenSocket;
  readonly stalls: StallDetector | undefined;
}

/** The portable engine: sockets of `node:net` and `node:tls`, on the event loop of its caller. */
export class StreamsEngine implements Engine {
  readonly name = 'streams';
  readonly #shared: Shared;
  readonly #tunnels = new Set<StreamsTunnel>();

  constructor({
    catchUp,
    clients = Permits.of(unlimited),
    descriptors = Permits.of(unlimited),
    listeners = new OpenListeners(),
  }: StreamsOptions = {}) {
    const stalls =
      catchUp &&
      new StallDetector(
        () => catchUp('process'),
        () => {
          for (const tunnel of this.#tunnels) tunnel.suspend();
        },
      );
    const open = openOthersThan(new OwnListeners(() => listeners.addresses));
    this.#shared = { clients, descriptors, listeners, open, stalls };
  }

  async open(spec: TunnelSpec, report: (event: TunnelEvent) => void): Promise<EngineTunnel> {
    const tunnel = new StreamsTunnel(spec, report, this.#shared, () => {
      this.#tunnels.delete(tunnel);
    });
    this.#tunnels.add(tunnel);
    try {
      for (const listener of spec.listen) await tunnel.listen(listener);
    } catch (error) {
      await tunnel.close();
      throw error;
    }
    return tunnel;
  }

  /** It shares the event loop of its caller: that this call runs is the answer. */
  alive(): Promise<readonly string[]> {
    return Promise.resolve([]);
  }

  lags(): readonly LoopLag[] {
    const { stalls } = this.#shared;
    return stalls ? [{ loop: 'main', lag: stalls.lag.view() }] : [];
  }

  limit(maxConnections: number, descriptors = unlimited): void {
    this.#shared.clients.most = maxConnections;
    this.#shared.descriptors.most = descriptors;
  }

  async close(): Promise<void> {
    this.#shared.stalls?.close();
    await Promise.all([...this.#tunnels].map((tunnel) => tunnel.close()));
  }
}

/** One tunnel: its listeners, its sockets, and the runtime that decides about them. */
class StreamsTunnel implements EngineTunnel {
  readonly #shared: Shared;
  readonly #report: (event: TunnelEvent) => void;
  readonly #runtime: TunnelRuntime;
  readonly #counters = new Counters();
  readonly #durations = new Durations();
  readonly #listeners = new Set<Listener>();
  /** Every socket that has not closed yet. */
  readonly #sockets = new Set<Socket>();
  readonly #closed: () => void;
  #isEnding = false;
  #closing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #timerDueMs = Infinity;

  constructor(spec: TunnelSpec, report: (event: TunnelEvent) => void, shared: Shared, closed: () => void) {
    this.#shared = shared;
    this.#report = report;
    this.#closed = closed;
    const dialler = new StreamsDialler(shared.open, (socket) => {
      this.#own(socket);
    });
    this.#runtime = new TunnelRuntime({
      spec,
      permits: {
        clients: Permits.of(spec.maxConnections),
        waiting: Permits.of(spec.holdMax),
        total: shared.clients,
      },
      dialler,
      createFlow: createBytesFlow,
      counters: this.#counters,
      durations: this.#durations,
      report,
      changed: () => {
        this.#arm();
      },
    });
  }

  get listening(): readonly ListenAddress[] {
    return [...this.#listeners].map(({ address }) => address);
  }

  async listen(wanted: ListenerConfig, handed?: number): Promise<EngineListener> {
    this.#assertOpen(wanted);
    const listener = await this.#listen(wanted, handed);
    if (this.#isEnding) await listener.stop();
    this.#assertOpen(wanted);
    this.#listeners.add(listener);
    return {
      address: listener.address,
      renew: (changed) => {
        listener.renew(changed);
      },
      close: async () => {
        this.#listeners.delete(listener);
        await listener.stop();
      },
    };
  }

  apply(command: TunnelCommand): void {
    if (command.kind === 'close') {
      void this.close();
      return;
    }
    if (command.kind === 'drain') {
      this.#isEnding = true;
      for (const listener of this.#listeners) void listener.stop();
    }
    this.#runtime.apply(command);
  }

  /** Closes everything, and resolves when that is done. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  counters(): TunnelCounters {
    this.#runtime.publish();
    return Counters.sum([this.#counters]);
  }

  durations(): DurationsView {
    return this.#durations.view();
  }

  /** A stall was noticed: nobody is dialled for until it is over. */
  suspend(): void {
    this.#runtime.suspend();
    this.#shared.stalls?.whenOver(() => {
      this.#runtime.resume();
    });
  }

  async #close(): Promise<void> {
    this.#isEnding = true;
    const listeners = [...this.#listeners].map((listener) => listener.close());
    this.#runtime.apply({ kind: 'close' });
    for (const socket of this.#sockets) socket.destroy();
    await Promise.all([...listeners, ...[...this.#sockets].map(whenClosed)]);
    clearTimeout(this.#timer);
    this.#closed();
    this.#report({ kind: 'closed' });
  }

  #assertOpen({ address }: ListenerConfig): void {
    if (!this.#isEnding) return;
    throw new TunnelError(
      'ST_CLOSED',
      `Cannot listen on "${formatListenAddress(address)}": the tunnel is closed`,
    );
  }

  async #listen(wanted: ListenerConfig, handed: number | undefined): Promise<Listener> {
    let forget: () => void = () => undefined;
    const listener = await Listener.open(wanted, handed, this.#shared.descriptors, {
      accepted: (socket) => {
        this.#own(socket);
        const connection = new StreamsConnection(socket, this.#shared.stalls);
        this.#runtime.accept(connection, wanted.allowReplication);
      },
      turnedAway: (reason) => {
        this.#runtime.turnedAway(reason);
      },
      acceptFailed: () => {
        this.#runtime.acceptFailed();
      },
      paused: (address, code) => {
        this.#runtime.acceptPaused(address, code);
      },
      resumed: (address) => {
        this.#runtime.acceptResumed(address);
      },
      stopped: () => {
        forget();
      },
    });
    forget = this.#shared.listeners.add(listener.address);
    return listener;
  }

  #own(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => {
      this.#sockets.delete(socket);
    });
  }

  /** Makes sure that the one timer fires no later than what is due first. Firing too early is harmless. */
  #arm(): void {
    const dueMs = this.#runtime.nextDeadline();
    if (dueMs >= this.#timerDueMs) return;
    clearTimeout(this.#timer);
    this.#timerDueMs = dueMs;
    this.#timer = setTimeout(
      () => {
        this.#timerDueMs = Infinity;
        this.#runtime.tick();
      },
      Math.max(1, Math.ceil(dueMs - performance.now())),
    );
  }
}

function whenClosed(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.once('close', () => {
      resolve();
    });
  });
}
