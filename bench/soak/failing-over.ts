import {
  eventually,
  isReplyError,
  pairs,
  type Cluster,
  type RedisProcess,
} from '../../test/support/index.ts';

export type Kind = 'planned' | 'killed' | 'frozen';

/** Makes the cluster fail over once, and returns when all Sentinels name the new master and the others follow it. */
export async function failOver(cluster: Cluster, kind: Kind, turn: number): Promise<RedisProcess> {
  const before = await cluster.masterNow();
  if (kind === 'planned') await begin(cluster, turn);
  if (kind === 'killed') await before.kill();
  if (kind === 'frozen') before.freeze();
  const after = await cluster.awaitNewMaster(before, { withinMs: 60_000 });
  if (kind === 'killed') await before.restart();
  if (kind === 'frozen') before.thaw();
  await follow(cluster, after);
  await agree(cluster);
  return after;
}

async function begin(cluster: Cluster, turn: number): Promise<void> {
  await eventually(
    async () => {
      try {
        await cluster.failover(turn % cluster.sentinels.length);
        return true;
      } catch (error) {
        // Not ready: it has not heard from the replicas since the last one, or is not through with that.
        if (isReplyError(error, 'NOGOODSLAVE') || isReplyError(error, 'INPROG')) return false;
        throw error;
      }
    },
    { withinMs: 60_000, everyMs: 100 },
  );
}

/** Sentinel would see to it, but only after some ten seconds. */
async function follow(cluster: Cluster, master: RedisProcess): Promise<void> {
  for (const server of cluster.servers) {
    if (server === master) continue;
    await eventually(
      async () => {
        const info = await server.info('replication');
        if (info.get('master_port') === String(master.port) && info.get('master_link_status') === 'up') {
          return true;
        }
        if (info.get('master_port') !== String(master.port)) {
          await server.command('REPLICAOF', master.host, master.port);
        }
        return false;
      },
      { withinMs: 30_000, everyMs: 100 },
    );
  }
}

/**
 * A Sentinel that is still busy with its failover when the next one is led by another may end up with the same epoch
 * as the others for another address, which nothing ever mends.
 */
async function agree(cluster: Cluster): Promise<void> {
  await eventually(
    async () => {
      const said = await Promise.all(
        cluster.sentinels.map(async (sentinel) =>
          pairs(await sentinel.command('SENTINEL', 'master', cluster.name)),
        ),
      );
      const isBusy = said.some((master) => master.get('flags')?.includes('failover_in_progress'));
      return !isBusy && new Set(said.map((master) => master.get('config-epoch'))).size === 1;
    },
    { withinMs: 60_000, everyMs: 100 },
  );
}
