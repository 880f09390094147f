import type { DatabaseStatus, SentinelStatus, Status } from '../../src/admin/status.ts';
import type { Look } from '../../src/cli/top-frame.ts';

/** The clock of the tunnel in all of them. */
export const now = '2026-01-31T12:00:10.000Z';

/** A database that is served, and what is different in it. */
export function database(
  name: string,
  upstreamBytes = 0,
  changes: Partial<DatabaseStatus> = {},
): DatabaseStatus {
  const ended = { downstream: 0, upstream: 0, evicted: 0, refused: 0, idle: 0, drained: 0 };
  return {
    ...{
      name,
      ready: true,
      reason: null,
      phase: 'serving',
      since: now,
      master: '10.0.0.1:6379',
      standing: 'confirmed',
    },
    ...{
      generation: 1,
      epoch: 1,
      degraded: [],
      listen: [],
      replicas: [],
      absent: [],
      hold: null,
      lastFailover: null,
    },
    view: {
      ...{
        name,
        generation: 1,
        epoch: 1,
        dissenting: [],
        strangers: [],
        degraded: [],
        sentinels: { known: 3, answering: 3, agreeing: 3 },
      },
      phase: { kind: 'serving', endpoint: { host: '10.0.0.1', port: 6379 }, standing: 'confirmed' },
    },
    counters: {
      ...{ open: 12, held: 3, admitted: upstreamBytes / 100, ended, dialFailures: 0, acceptErrors: 0 },
      ...{ upstreamBytes, downstreamBytes: upstreamBytes * 10 },
    },
    ...changes,
  };
}

/** A Sentinel that answers, and what is different in it. */
export function sentinel(address: string, changes: Partial<SentinelStatus> = {}): SentinelStatus {
  return {
    ...{ address, seed: true, id: null, state: 'up', subscription: 'subscribed' },
    ...{ answers: 1, errors: 0, failures: 0, latencyMs: 0.5, said: [] },
    ...changes,
  };
}

/** What `top` has seen of a tunnel with these. */
export function lookAt(
  databases: readonly DatabaseStatus[],
  sentinels: readonly SentinelStatus[] = [],
  before?: readonly DatabaseStatus[],
  changes: Partial<Look> = {},
): Look {
  const status = (uptimeMs: number, shown: readonly DatabaseStatus[]): Status => ({
    version: 1,
    program: {
      ...{ version: '1.2.3', engine: 'epoll', threads: 1, state: 'running', startedAt: now, now, uptimeMs },
      configFile: null,
      descriptors: null,
      logTrouble: null,
      logDropped: 0,
      drainUntil: null,
    },
    ready: shown.every(({ ready }) => ready),
    reasons: shown.flatMap(({ name, reason }) => (reason === null ? [] : [`${name}: ${reason}`])),
    databases: shown,
    sentinels,
    lastEventId: 'a.1',
  });
  return {
    where: '127.0.0.1:9121',
    status: status(10_000, databases),
    before: before && status(8_000, before),
    events: Array.from({ length: 100 }, (_, index) => ({
      ...{ id: `a.${index}`, time: now, level: 'warn', event: 'master.lost', sentence: 'said' },
      fields: { database: `database-${index}`, reason: 'a long reason '.repeat(20) },
    })),
    trouble: undefined,
    agoMs: 0,
    intervalMs: 1_000,
    ...changes,
  };
}
