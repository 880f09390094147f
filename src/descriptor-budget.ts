import { mostConnections } from './admin/connections.ts';
import type { Config } from './config/types.ts';
import { descriptorLimit, type DescriptorBudget } from './os/descriptor-limit.ts';
import { descriptorsPerClient } from './relay/io/descriptors.ts';
import { maxMembers } from './sentinel/members/roster.ts';

/** Connections to each Sentinel: queries, late replies, announcements, and its list of peers. */
const perSentinel = 4;
/** For each database: ROLE of the master and of a candidate, each twice under time pressure, replicas, and the loss of a failover. */
const perDatabase = 8;
/** The socket of the admin listener and its connections. */
const forAdmin = 1 + mostConnections;
/** Name lookups, files, and clients that are accepted to be refused. */
const inPassing = 16;
/** Clients get at least this part of the limit, also when it is too low for everything. */
const leastPart = 1 / 4;
/** The descriptors of Node, its threads and the log, if they cannot be counted. */
export const usuallyOpen = 40;
/** Reserves are estimates, so only a clear shortage is reported: less than this part of the configured connections. */
const shortagePart = 0.9;

/**
 * Shares out the descriptor limit of the process. Reads the limit, and has no other side effect.
 *
 * @param open how many descriptors the process has open before it listens
 * @param limit the most descriptors of the process
 * @returns `undefined` without a limit, or when it cannot be read
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

/** Whether descriptors allow clearly fewer connections than configured. */
export function isShort(
  budget: DescriptorBudget | undefined,
  configured: number,
): budget is DescriptorBudget {
  return budget !== undefined && budget.connections < configured * shortagePart;
}

/** @returns how many connections a configuration allows, regardless of descriptors */
export function configuredConnections({ databases, maxConnections }: Config): number {
  const sum = databases.reduce((total, database) => total + database.maxConnections, 0);
  return Math.min(sum, maxConnections);
}
