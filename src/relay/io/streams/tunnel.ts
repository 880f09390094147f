import type { ListenerConfig } from '../../../config/types.ts';
import { TunnelError } from '../../../errors.ts';
import { formatListenAddress, type ListenAddress } from '../../../net/endpoint.ts';
import type { DurationsView } from '../../core/durations.ts';
import type {
  EngineListener,
  EngineTunnel,
  Quiescence,
  Route,
  TunnelCounters,
  TunnelEvent,
  TunnelLimits,
  TunnelSpec,
} from '../../core/engine.ts';
import type { OpenListeners } from '../../core/open-listeners.ts';
import type { Places } from '../../core/places.ts';
import type { Dial } from './dial.ts';
import { StreamsDoor } from './door.ts';
import { Listener } from './listener.ts';

/** One tunnel: its listeners, and behind them the door of its sessions. */
export class StreamsTunnel implements EngineTunnel {
  readonly #tell: (event: TunnelEvent) => void;
  readonly #door: StreamsDoor;
  readonly #listeners = new Set<Listener>();
  readonly #descriptors: Places;
  readonly #open: OpenListeners;
  readonly #whenClosed: () => void;
  #isEnding = false;
  #closing: Promise<void> | undefined;

  /** @throws TunnelError `ST_LISTEN_FAILED`; nothing stays bound then */
  static async open(
    spec: TunnelSpec,
    tell: (event: TunnelEvent) => void,
    dial: Dial,
    whole: Places,
    descriptors: Places,
    open: OpenListeners,
    whenClosed: (tunnel: StreamsTunnel) => void = () => undefined,
    isStandstill: () => boolean = () => false,
  ): Promise<StreamsTunnel> {
    const closed = (): void => {
      whenClosed(tunnel);
    };
    const door = new StreamsDoor(spec, tell, dial, whole, isStandstill);
    const tunnel: StreamsTunnel = new StreamsTunnel(door, tell, descriptors, open, closed);
    try {
      for (const listener of spec.listen) await tunnel.listen(listener);
    } catch (error) {
      await tunnel.close();
      throw error;
    }
    return tunnel;
  }

  private constructor(
    door: StreamsDoor,
    tell: (event: TunnelEvent) => void,
    descriptors: Places,
    open: OpenListeners,
    whenClosed: () => void,
  ) {
    this.#door = door;
    this.#tell = tell;
    this.#descriptors = descriptors;
    this.#open = open;
    this.#whenClosed = whenClosed;
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

  adjust(limits: TunnelLimits): void {
    this.#door.adjust(limits);
  }

  steer(route: Route): void {
    this.#door.steer(route);
  }

  reassure(sessions: readonly number[]): void {
    this.#door.reassure(sessions);
  }

  suspend(): void {
    this.#door.suspend();
  }

  resume(): void {
    this.#door.resume();
  }

  quiesce(withinMs: number): Promise<Quiescence> {
    return this.#door.quiesce(withinMs);
  }

  evict(): Promise<number> {
    return this.#door.evict();
  }

  drain(): Promise<void> {
    this.#isEnding = true;
    for (const listener of this.#listeners) void listener.stop();
    return this.#door.drain();
  }

  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  counters(): TunnelCounters {
    return this.#door.counters();
  }

  durations(): DurationsView {
    return this.#door.durations();
  }

  async #close(): Promise<void> {
    this.#isEnding = true;
    const closed = [...this.#listeners].map((listener) => listener.close());
    await Promise.all([...closed, this.#door.close()]);
    this.#whenClosed();
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
    const listener = await Listener.open(wanted, handed, this.#descriptors, {
      accepted: (socket) => {
        this.#door.admit(socket, wanted.allowReplication);
      },
      turnedAway: (reason) => {
        this.#door.turnedAway(reason);
      },
      acceptFailed: () => {
        this.#door.acceptFailed();
      },
      paused: (paused, code) => {
        this.#tell({ kind: 'accept-paused', address: paused, code });
      },
      resumed: (resumed) => {
        this.#tell({ kind: 'accept-resumed', address: resumed });
      },
      stopped: () => {
        forget();
      },
    });
    forget = this.#open.add(listener.address);
    return listener;
  }
}
