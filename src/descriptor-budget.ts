import { readdirSync } from 'node:fs';
import type { Config } from './config/types.ts';
import { descriptorLimit, type DescriptorBudget } from './os/descriptor-limit.ts';
import type { Engine } from './relay/core/engine.ts';
import { descriptorsPerClient } from './relay/io/descriptors.ts';
import { maxMembers } from './sentinel/members/roster.ts';
import type { Log } from './telemetry/log.ts';

/** To each Sentinel: questions, late answers to them, announcements, and whom it knows. */
const perSentinel = 4;
/** For each database: the ROLE of the master and of a candidate, asked twice in a hurry, replicas, what a failover has lost. */
const perDatabase = 8;
/** Of the admin listener: its socket, and its most connections (admin/connections.ts). */
const forAdmin = 97;
/** Names that are looked up, files that are read, a client that is accepted to be told why it may not stay. */
const inPassing = 16;
/** Clients have at least this part of a limit that is too low for everything, or they would have nothing. */
const leastPart = 1 / 4;
/** What Node, its threads and the log have open, where it cannot be counted. */
const usuallyOpen = 40;

/**
 * Shares out what the process limit allows.
 *
 * @param open how many descriptors the process has open while nothing listens yet
 * @returns `undefined` where there is no limit, or none can be read
 */
export function descriptorBudget(
  { databases, admin, threads }: Config,
  open = usuallyOpen,
  limit = descriptorLimit(),
): DescriptorBudget | undefined {
  if (limit === undefined) return undefined;
  const listeners = databases.reduce((sum, { listen }) => sum + listen.length, 0) * Math.max(threads, 1);
  const own =
    open +
    listeners +
    maxMembers * perSentinel +
    databases.length * perDatabase +
    (admin ? forAdmin : 0) +
    inPassing;
  const forClients = Math.max(limit - own, Math.floor(limit * leastPart));
  const connections = Math.max(Math.floor(forClients / descriptorsPerClient), 1);
  return { limit, reserved: limit - connections * descriptorsPerClient, connections };
}

/** Reserves are estimated, so a shortage is worth a word from this part of what is configured on. */
const worthAWord = 0.9;

/** Whether descriptors allow clearly fewer connections than are configured. */
export function isShort(
  budget: DescriptorBudget | undefined,
  configured: number,
): budget is DescriptorBudget {
  return budget !== undefined && budget.connections < configured * worthAWord;
}

/** How many connections a configuration allows, whatever descriptors there are. */
export function configuredConnections({ databases, maxConnections }: Config): number {
  const sum = databases.reduce((total, database) => total + database.maxConnections, 0);
  return Math.min(sum, maxConnections);
}

/** Has an engine keep to what is configured, and to what the process may open. */
export class ConnectionLimit {
  readonly #engine: Engine;
  readonly #log: Log;
  readonly #open = openNow();
  #budget: DescriptorBudget | undefined;

  /** To be made when the engine has started and nothing listens yet. */
  constructor(engine: Engine, log: Log) {
    this.#engine = engine;
    this.#log = log;
  }

  /** `undefined` where nothing limits descriptors, as far as can be known. */
  get budget(): DescriptorBudget | undefined {
    return this.#budget;
  }

  /** Goes by a configuration from now on, and says where it allows more than the process may open. */
  apply(config: Config): void {
    const budget = descriptorBudget(config, this.#open);
    this.#budget = budget;
    this.#engine.limit(config.maxConnections, budget && budget.connections * descriptorsPerClient);
    const configured = configuredConnections(config);
    if (isShort(budget, configured)) this.#log.warn('descriptors.few', { configured, ...budget });
  }
}

function openNow(): number {
  try {
    return readdirSync('/proc/self/fd').length;
  } catch {
    return usuallyOpen; // not Linux, or hidden by a sandbox
  }
}
