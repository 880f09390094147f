import type { Promotion } from './prober-worker.ts';
import type { Logs } from './writers.ts';
import type { WriterLog } from './writers/log.ts';

export interface Evidence {
  readonly causedMs: number;
  readonly promotion: Promotion;
  readonly promotedByLogMs: number | undefined;
  readonly thawedMs: number | undefined;
  readonly reachedAll: boolean;
  readonly logs: Logs;
  /** What the new master holds, by key. */
  readonly lists: ReadonlyMap<string, ReadonlySet<string>>;
}

/** The figures of one trial. Every time counts from the promotion and is in milliseconds. */
export interface Outcome {
  readonly causedToPromotedMs: number;
  /** Half the interval within which the prober places the promotion. */
  readonly precisionMs: number;
  /** The server's log says it was promoted this much later (or earlier, where negative) than the prober. */
  readonly logMinusProberMs?: number;
  /** First write that the new master acknowledged, to anybody. */
  readonly firstWriteMs?: number;
  /** The same among the clients that connected again; absent where there were none. */
  readonly firstNewcomerMs?: number;
  /** The first one of each client; those who never got there are missing. */
  readonly clientsMs: readonly number[];
  readonly clients: number;
  readonly reachedAll: boolean;
  readonly acknowledged: number;
  readonly lost: Lost;
  /** Acknowledged to anybody by another server than the new master, after the promotion. */
  readonly servedByOldMaster: number;
  readonly errorsPerClient: readonly number[];
  readonly errors: Readonly<Record<string, number>>;
  readonly newcomerErrors: Readonly<Record<string, number>>;
  /** The longest that a new connection of the clients waited for its first reply. */
  readonly maxHoldMs: number;
  /** The longest time between two acknowledgements of one client. */
  readonly maxGapMs: number;
}

/** Acknowledged writes that the new master does not have. */
export interface Lost {
  /** Acknowledged before the promotion: had not been replicated. */
  readonly before: number;
  /** Acknowledged after it, by whom ever. */
  readonly after: number;
}

export function judge(evidence: Evidence): Outcome {
  const { promotion, promotedByLogMs, causedMs, logs, reachedAll } = evidence;
  const promotedMs = (promotion.notBeforeMs + promotion.notAfterMs) / 2;
  const all = [...logs.clients, ...(logs.newcomers ? [logs.newcomers] : [])];
  const firsts = logs.clients.flatMap((log) => firstFrom(log, promotion.port) ?? []);
  const newcomer = logs.newcomers && firstFrom(logs.newcomers, promotion.port);
  const first = Math.min(...firsts, newcomer ?? Infinity);
  const since = (ms: number): number => round(ms - promotedMs);
  return {
    causedToPromotedMs: round(promotedMs - causedMs),
    precisionMs: round((promotion.notAfterMs - promotion.notBeforeMs) / 2),
    ...(promotedByLogMs !== undefined && { logMinusProberMs: since(promotedByLogMs) }),
    ...(first < Infinity && { firstWriteMs: since(first) }),
    ...(newcomer !== undefined && { firstNewcomerMs: since(newcomer) }),
    clientsMs: firsts.map(since),
    clients: logs.clients.length,
    reachedAll,
    acknowledged: all.reduce((sum, { acks }) => sum + acks.length, 0),
    lost: countLost(all, promotedMs, evidence.lists),
    servedByOldMaster: all
      .flatMap(({ acks }) => acks)
      .filter(({ port, ackMs }) => port !== promotion.port && ackMs > promotedMs).length,
    errorsPerClient: logs.clients.map(({ faults }) =>
      [...faults.values()].reduce((sum, { count }) => sum + count, 0),
    ),
    errors: countFaults(logs.clients),
    newcomerErrors: countFaults(logs.newcomers ? [logs.newcomers] : []),
    maxHoldMs: round(Math.max(...logs.clients.map((log) => log.maxHoldMs))),
    maxGapMs: round(Math.max(...logs.clients.map((log) => maxGap(log)))),
  };
}

function firstFrom({ acks }: WriterLog, port: number): number | undefined {
  return acks.find((ack) => ack.port === port)?.ackMs;
}

function countLost(
  logs: readonly WriterLog[],
  promotedMs: number,
  lists: ReadonlyMap<string, ReadonlySet<string>>,
): Lost {
  const lost = logs.flatMap(({ key, acks }) => acks.filter(({ value }) => !lists.get(key)?.has(value)));
  const before = lost.filter(({ ackMs }) => ackMs <= promotedMs).length;
  return { before, after: lost.length - before };
}

function countFaults(logs: readonly WriterLog[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const { faults } of logs) {
    for (const [kind, { count }] of faults) counts[kind] = (counts[kind] ?? 0) + count;
  }
  return counts;
}

function maxGap({ acks }: WriterLog): number {
  return acks.reduce(
    (longest, { ackMs }, at) => Math.max(longest, ackMs - (acks[at - 1]?.ackMs ?? ackMs)),
    0,
  );
}

function round(ms: number): number {
  return Math.round(ms * 100) / 100;
}
