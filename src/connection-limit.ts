import { openDescriptors } from './admin/open-descriptors.ts';
import type { Config } from './config/types.ts';
import { configuredConnections, descriptorBudget, isShort, usuallyOpen } from './descriptor-budget.ts';
import type { DescriptorBudget } from './os/descriptor-limit.ts';
import type { Engine } from './relay/core/engine.ts';
import { descriptorsPerClient } from './relay/io/descriptors.ts';
import type { Log } from './telemetry/log.ts';

/** Limits the connections of an engine by the configuration and by the descriptors of the process. */
export class ConnectionLimit {
  readonly #engine: Engine;
  readonly #log: Log;
  readonly #open = openDescriptors() ?? usuallyOpen;
  #budget: DescriptorBudget | undefined;

  /** Construct it after the engine has started and before anything listens, because it counts the open descriptors. */
  constructor(engine: Engine, log: Log) {
    this.#engine = engine;
    this.#log = log;
  }

  /** `undefined` without a limit on descriptors, or when it cannot be read. */
  get budget(): DescriptorBudget | undefined {
    return this.#budget;
  }

  /** Applies a configuration, and logs when it allows more connections than the process has descriptors for. */
  apply(config: Config): void {
    const budget = descriptorBudget(config, this.#open);
    this.#budget = budget;
    this.#engine.limit(config.maxConnections, budget && budget.connections * descriptorsPerClient);
    const configured = configuredConnections(config);
    if (isShort(budget, configured)) this.#log.warn('descriptors.few', { configured, ...budget });
  }
}
