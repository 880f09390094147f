import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Scope } from '../../src/lifecycle/scope.ts';
import { startCluster, type Cluster } from '../../test/support/index.ts';
import { nowMs } from '../lib/clock.ts';
import type { Relay, Upstream } from '../peers/relay.ts';
import type { Contender } from './contenders.ts';
import { judge, type Outcome } from './judge.ts';
import { Prober } from './prober.ts';
import type { Promotion } from './prober-worker.ts';
import { Writers } from './writers.ts';

export const causes = ['planned', 'kill', 'stop'] as const;
/** `SENTINEL FAILOVER`; `kill -9` of the master; SIGSTOP of it, and SIGCONT when it is over. */
export type Cause = (typeof causes)[number];

export interface TrialOptions {
  readonly clients: number;
  readonly pauseMs: number;
}

/** The figures of a trial, and what the relay and the servers themselves said of it. */
export interface Account extends Outcome {
  readonly story?: readonly string[];
  readonly serverLogs?: readonly string[];
}

/** After this much every Sentinel has announced the new master, the leader last: nothing more may happen to clients. */
const watchMs = 3000;
/** A peer's clients may stay on the old master until Sentinel demotes it: 8 s and an INFO period of up to 10 s. */
const patienceMs = 14_000;

/** One failover of a cluster of its own, with writing clients, and what became of their writes. */
export async function runTrial(
  contender: Contender,
  cause: Cause,
  { clients, pauseMs }: TrialOptions,
): Promise<Account> {
  await using scope = new Scope();
  const dir = await mkdtemp(join(tmpdir(), 'bench-failover-'));
  scope.defer(() => rm(dir, { recursive: true, force: true }));
  const cluster = scope.use(await startCluster({ downAfterMs: 1000, failoverTimeoutMs: 5000 }));
  const sentinelPorts = cluster.sentinels.map(({ port }) => port);
  const upstream = {
    redisPorts: cluster.servers.map(({ port }) => port),
    sentinelPorts,
    masterName: cluster.name,
    dir,
  };
  const relay = await startRelay(contender, upstream, scope);
  const writers = scope.use(
    new Writers({
      kind: contender.writers,
      clients,
      port: relay?.port ?? 0,
      sentinelPorts,
      name: cluster.name,
      pauseMs,
    }),
  );
  if (!(await writers.warm(10_000))) throw new Error('Not every client could write before the failover');
  const prober = scope.use(
    new Prober(
      cluster.replicas.map(({ port }) => port),
      20_000,
    ),
  );
  await sleep(300);
  const causedMs = nowMs();
  await happen(cluster, cause);
  writers.letNewcomersCome();
  const promotion = await prober.promotion;
  const { reachedAll, thawedMs } = await watch(cluster, cause, contender, writers, promotion);
  const logs = await writers.stop();
  const lists = await readLists(cluster, promotion.port, [
    ...logs.clients,
    ...(logs.newcomers ? [logs.newcomers] : []),
  ]);
  if (promotions(cluster) > 1 || (await cluster.masterNow()).port !== promotion.port)
    throw new SecondFailoverError();
  const outcome = judge({
    causedMs,
    promotion,
    promotedByLogMs: promotedByLog(cluster, promotion.port),
    thawedMs,
    reachedAll,
    logs,
    lists,
  });
  return { ...outcome, ...(relay?.story && { story: relay.story() }), ...odd(outcome, cluster, contender) };
}

/**
 * Sentinels that have just switched sometimes take the new master for down: they reconnect to it once in
 * SENTINEL_PING_PERIOD, 1 s, which is also their down-after here. Such a trial says nothing about one failover.
 */
export class SecondFailoverError extends Error {
  override readonly name = 'SecondFailoverError';

  constructor() {
    super('The Sentinels failed over a second time');
  }
}

/** With what a trial that did not go as promised can be explained. */
function odd(
  { lost, errorsPerClient, servedByOldMaster }: Outcome,
  cluster: Cluster,
  { isOurs }: Contender,
): Pick<Account, 'serverLogs'> {
  const isOdd = lost.after > 0 || servedByOldMaster > 0 || errorsPerClient.some((count) => count > 1);
  if (!isOurs || !isOdd) return {};
  const logs = [...cluster.servers, ...cluster.sentinels].map((server) =>
    server.log().split('\n').slice(-60),
  );
  return { serverLogs: logs.flat() };
}

async function startRelay(
  { relay: start, settleMs }: Contender,
  upstream: Upstream,
  scope: Scope,
): Promise<Relay | undefined> {
  const relay = await start?.(upstream);
  await sleep(settleMs);
  return relay && scope.use(relay);
}

async function happen(cluster: Cluster, cause: Cause): Promise<void> {
  switch (cause) {
    case 'planned':
      return cluster.failover(Math.floor(Math.random() * cluster.sentinels.length));
    case 'kill':
      await cluster.kill(cluster.master);
      return;
    case 'stop':
      cluster.freeze(cluster.master);
  }
}

/** Lets the clients go on until nothing more is to be expected. */
async function watch(
  cluster: Cluster,
  cause: Cause,
  { isOurs }: Contender,
  writers: Writers,
  { port, notAfterMs }: Promotion,
): Promise<{ reachedAll: boolean; thawedMs: number | undefined }> {
  const soon = writers.reach(port, cause === 'stop' ? watchMs : isOurs ? 5000 : patienceMs);
  await cluster.awaitMaster(port);
  let reachedAll = await soon;
  await sleep(Math.max(0, notAfterMs + watchMs - nowMs()));
  if (cause !== 'stop') return { reachedAll, thawedMs: undefined };
  const thawedMs = nowMs();
  cluster.thaw(cluster.master);
  if (!reachedAll) reachedAll = await writers.reach(port, patienceMs);
  // What a frozen server had taken in before is answered now, if anybody still listens.
  await sleep(1000);
  return { reachedAll, thawedMs };
}

/** What the new master holds of each client's list. */
async function readLists(
  cluster: Cluster,
  port: number,
  logs: readonly { readonly key: string }[],
): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
  const master = cluster.servers.find((server) => server.port === port);
  if (!master) throw new Error('Cannot read back: the new master is not of this cluster');
  const lists = new Map<string, ReadonlySet<string>>();
  await using client = await master.connect(10_000);
  for (const { key } of logs) {
    const values = await client.command('LRANGE', key, 0, -1);
    lists.set(key, new Set(Array.isArray(values) ? values.map(String) : []));
  }
  return lists;
}

/** How many times any server has become master, by their own logs: those know it before any Sentinel admits it. */
function promotions(cluster: Cluster): number {
  const logs = cluster.servers.map((server) => server.log());
  return logs.reduce((sum, log) => sum + (log.match(/MASTER MODE enabled/g)?.length ?? 0), 0);
}

/** The promoted server's own word for the instant, which its log gives in whole milliseconds. */
function promotedByLog(cluster: Cluster, port: number): number | undefined {
  const server = cluster.servers.find((one) => one.port === port);
  const stamped = /(\d+ \w+ \d+ [\d:.]+) \* MASTER MODE enabled/.exec(server?.log() ?? '');
  if (!stamped?.[1]) return undefined;
  return Date.parse(stamped[1]) - Date.now() + nowMs();
}
