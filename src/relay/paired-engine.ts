import type { Log } from '../telemetry/log.ts';
import type { LoopLag } from '../telemetry/lag.ts';
import type { Engine, EngineTunnel, TunnelEvent, TunnelSpec } from './core/engine.ts';

/** A fast engine for tunnels that are plain on all sides, and beside it one that can speak TLS. */
export class PairedEngine implements Engine {
  readonly #plain: Engine;
  readonly #secure: Engine;
  readonly #log: Log;

  /** The two engines share their places, so that one limit holds for both. */
  constructor(plain: Engine, secure: Engine, log: Log) {
    this.#plain = plain;
    this.#secure = secure;
    this.#log = log;
  }

  get name(): Engine['name'] {
    return this.#plain.name;
  }

  async open(spec: TunnelSpec, tell: (event: TunnelEvent) => void): Promise<EngineTunnel> {
    if (spec.needsTls !== true) return await this.#plain.open(spec, tell);
    const tunnel = await this.#secure.open(spec, tell);
    this.#log.info('engine.secured', { database: spec.name });
    return tunnel;
  }

  alive(withinMs: number): Promise<readonly string[]> {
    return this.#plain.alive(withinMs);
  }

  lags(): readonly LoopLag[] {
    return [...this.#secure.lags(), ...this.#plain.lags()];
  }

  limit(maxConnections: number, descriptors?: number): void {
    this.#plain.limit(maxConnections, descriptors);
  }

  async close(): Promise<void> {
    await Promise.all([this.#plain.close(), this.#secure.close()]);
  }
}
