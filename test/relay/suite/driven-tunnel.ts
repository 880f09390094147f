import type { ListenerConfig } from '../../../src/config/types.ts';
import type { ListenAddress } from '../../../src/net/endpoint.ts';
import type { DurationsView } from '../../../src/relay/core/durations.ts';
import type {
  Engine,
  EngineListener,
  EngineTunnel,
  Route,
  TunnelCommand,
  TunnelCounters,
  TunnelEvent,
  TunnelLimits,
  TunnelSpec,
} from '../../../src/relay/core/engine.ts';

export type EventOf<K extends TunnelEvent['kind']> = Extract<TunnelEvent, { kind: K }>;

/** Who waits for an event, by its kind. */
type Waiting = Map<TunnelEvent['kind'], ((event: TunnelEvent) => void)[]>;

/** A tunnel of an engine, its commands as calls that resolve with the event that answers them. */
export class DrivenTunnel {
  readonly #tunnel: EngineTunnel;
  readonly #waiting: Waiting;
  #closing: Promise<void> | undefined;

  static async open(
    engine: Engine,
    spec: TunnelSpec,
    report: (event: TunnelEvent) => void,
  ): Promise<DrivenTunnel> {
    const waiting: Waiting = new Map();
    const tunnel = await engine.open(spec, (event) => {
      report(event);
      for (const answered of waiting.get(event.kind)?.splice(0) ?? []) answered(event);
    });
    return new DrivenTunnel(tunnel, waiting);
  }

  private constructor(tunnel: EngineTunnel, waiting: Waiting) {
    this.#tunnel = tunnel;
    this.#waiting = waiting;
  }

  get listening(): readonly ListenAddress[] {
    return this.#tunnel.listening;
  }

  listen(listener: ListenerConfig, handed?: number): Promise<EngineListener> {
    return this.#tunnel.listen(listener, handed);
  }

  steer(route: Route): void {
    this.#tunnel.apply({ kind: 'steer', route });
  }

  adjust(limits: TunnelLimits): void {
    this.#tunnel.apply({ kind: 'limits', limits });
  }

  trust(clients: readonly number[]): void {
    this.#tunnel.apply({ kind: 'trust', clients });
  }

  async freeze(withinMs: number): Promise<{ readonly answered: number; readonly unanswered: number }> {
    const { answered, unanswered } = await this.#ask({ kind: 'freeze', withinMs }, 'frozen');
    return { answered, unanswered };
  }

  thaw(): void {
    this.#tunnel.apply({ kind: 'thaw' });
  }

  async evict(): Promise<number> {
    return (await this.#ask({ kind: 'evict' }, 'evicted')).cut;
  }

  async drain(): Promise<void> {
    await this.#ask({ kind: 'drain' }, 'drained');
  }

  close(): Promise<void> {
    this.#closing ??= this.#ask({ kind: 'close' }, 'closed').then(() => undefined);
    return this.#closing;
  }

  counters(): TunnelCounters {
    return this.#tunnel.counters();
  }

  durations(): DurationsView {
    return this.#tunnel.durations();
  }

  #ask<K extends TunnelEvent['kind']>(command: TunnelCommand, kind: K): Promise<EventOf<K>> {
    return new Promise((resolve) => {
      const waiting = this.#waiting.get(kind) ?? [];
      this.#waiting.set(kind, waiting);
      waiting.push((event) => {
        resolve(event as EventOf<K>);
      });
      this.#tunnel.apply(command);
    });
  }
}
