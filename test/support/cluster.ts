import { randomBytes } from 'node:crypto';
import { eventually } from './eventually.ts';
import { freePort } from './free-port.ts';
import { awaitFormed, Group } from './group.ts';
import { RedisProcess, type RedisTls } from './redis-process.ts';
import { Scope } from '../../src/lifecycle/scope.ts';
import type { Exit } from './child.ts';

export interface GroupOptions {
  readonly replicas?: number;
  /** More lines for the configuration of the master and the replicas. */
  readonly redisConfig?: readonly string[];
  /** `requirepass` and `masterauth` of the servers, `auth-pass` of the Sentinels. */
  readonly password?: string;
  /** All of it speaks TLS, and nothing else. */
  readonly tls?: RedisTls;
}

export interface ClusterOptions extends GroupOptions {
  readonly sentinels?: number;
  readonly name?: string;
  /** Defaults to a majority of the Sentinels. */
  readonly quorum?: number;
  /** After how long without an answer a server is missed, in milliseconds; 5 s, so that none is that is merely slow. */
  readonly downAfterMs?: number;
  readonly failoverTimeoutMs?: number;
  /** More lines for the configuration of every Sentinel, or of each by its index. */
  readonly sentinelConfig?: readonly string[] | ((index: number) => readonly string[]);
  /** `requirepass` of the Sentinels, with which they also speak to each other. */
  readonly sentinelPassword?: string;
  readonly host?: string;
}

/** How the Sentinels watch: the same for every master of a cluster. */
interface Watching {
  readonly quorum: number;
  readonly downAfterMs: number;
  readonly failoverTimeoutMs: number;
  readonly host: string;
}

/** A master, replicas and Sentinels, all real, all on free ports. Disposing kills everything it started. */
export class Cluster extends Group implements AsyncDisposable {
  readonly #scope: Scope;
  readonly #watching: Watching;

  constructor(group: Group, watching: Watching, scope: Scope) {
    super(group.name, group.master, group.replicas, group.sentinels);
    this.#watching = watching;
    this.#scope = scope;
  }

  /** `host:port` of every Sentinel, as an operator writes them; IPv6 in brackets. */
  get seeds(): readonly string[] {
    return this.sentinels.map(({ host, port }) =>
      host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`,
    );
  }

  /** A second master on the same Sentinels, ready for a failover when this returns. */
  async addMaster(name: string, options: GroupOptions = {}): Promise<Group> {
    const { host, quorum, downAfterMs, failoverTimeoutMs } = this.#watching;
    const [master, replicas] = await startServers(this.#scope, host, options);
    const group = new Group(name, master, replicas, this.sentinels);
    for (const sentinel of this.sentinels) {
      await sentinel.command('SENTINEL', 'MONITOR', name, host, master.port, quorum);
      const settings = ['down-after-milliseconds', downAfterMs, 'failover-timeout', failoverTimeoutMs];
      if (options.password !== undefined) settings.push('auth-pass', options.password);
      await sentinel.command('SENTINEL', 'SET', name, ...settings);
    }
    await awaitFormed(group);
    return group;
  }

  /** `kill -9`. */
  kill(target: RedisProcess): Promise<Exit> {
    return target.kill();
  }

  freeze(target: RedisProcess): void {
    target.freeze();
  }

  thaw(target: RedisProcess): void {
    target.thaw();
  }

  restart(target: RedisProcess): Promise<void> {
    return target.restart();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope.close();
  }
}

/** Returns when all Sentinels agree, are linked to each other and know every replica: a failover is possible at once. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const { name = 'mymaster', sentinels: count = 3, host = '127.0.0.1' } = options;
  const watching: Watching = {
    quorum: options.quorum ?? Math.floor(count / 2) + 1,
    downAfterMs: options.downAfterMs ?? 5000,
    failoverTimeoutMs: options.failoverTimeoutMs ?? 5000,
    host,
  };
  const scope = new Scope();
  try {
    const [master, replicas] = await startServers(scope, host, options);
    const sentinels = await startSentinels(scope, name, master, replicas, watching, options);
    const group = new Group(name, master, replicas, sentinels);
    await awaitFormed(group);
    return new Cluster(group, watching, scope);
  } catch (error) {
    await scope.close();
    throw error;
  }
}

async function startServers(
  scope: Scope,
  host: string,
  { replicas: count = 2, redisConfig = [], password, tls }: GroupOptions,
): Promise<[RedisProcess, readonly RedisProcess[]]> {
  const common = { host, ...(password !== undefined && { password }), ...(tls && { tls }) };
  const master = scope.use(await RedisProcess.start({ ...common, config: redisConfig }));
  const config = [...redisConfig, `replicaof ${host} ${master.port}`];
  const replicas = await startAll(scope, count, () => RedisProcess.start({ ...common, config }));
  for (const replica of replicas) await awaitLinked(master, replica);
  return [master, replicas];
}

async function awaitLinked(master: RedisProcess, replica: RedisProcess): Promise<void> {
  await eventually(async () => {
    const info = await replica.info('replication');
    if (info.get('master_link_status') !== 'up') return false;
    if (Number(info.get('slave_repl_offset')) > 0) return true;
    // A replica whose offset is 0 cannot be told from one that has never synchronised. What was published before
    // the first replica was there has moved no offset: there was no backlog yet.
    await master.command('PUBLISH', 'replication', 'begins');
    return false;
  });
}

/**
 * The Sentinels are told of each other and of the replicas in their files, as after a restart, because by
 * announcements they would find each other only within some 4 s (SENTINEL_PUBLISH_PERIOD is 2 s).
 */
async function startSentinels(
  scope: Scope,
  name: string,
  master: RedisProcess,
  replicas: readonly RedisProcess[],
  watching: Watching,
  options: ClusterOptions,
): Promise<RedisProcess[]> {
  const { host, quorum, downAfterMs, failoverTimeoutMs } = watching;
  const { sentinels: count = 3, sentinelConfig = [], password, sentinelPassword } = options;
  const identities: { id: string; port: number }[] = [];
  for (let index = 0; index < count; index++) {
    identities.push({ id: randomBytes(20).toString('hex'), port: await freePort(host) });
  }
  return await startAll(scope, count, async (index) => {
    const own = identities[index];
    if (!own) throw new Error(`No identity for the Sentinel ${index}`);
    const more = typeof sentinelConfig === 'function' ? sentinelConfig(index) : sentinelConfig;
    return await RedisProcess.start({
      sentinel: true,
      host,
      port: own.port,
      ...(sentinelPassword !== undefined && { password: sentinelPassword }),
      ...(options.tls && { tls: options.tls }),
      config: [
        // First, since some of them, such as resolve-hostnames, must stand before the addresses.
        ...more,
        `sentinel myid ${own.id}`,
        `sentinel monitor ${name} ${host} ${master.port} ${quorum}`,
        `sentinel down-after-milliseconds ${name} ${downAfterMs}`,
        `sentinel failover-timeout ${name} ${failoverTimeoutMs}`,
        ...(password === undefined ? [] : [`sentinel auth-pass ${name} ${password}`]),
        ...(sentinelPassword === undefined ? [] : [`sentinel sentinel-pass ${sentinelPassword}`]),
        ...replicas.map(({ port }) => `sentinel known-replica ${name} ${host} ${port}`),
        ...identities
          .filter((other) => other !== own)
          .map(({ id, port }) => `sentinel known-sentinel ${name} ${host} ${port} ${id}`),
      ],
    });
  });
}

/** Starts them together. When one fails the others are still closed by the scope. */
async function startAll(
  scope: Scope,
  count: number,
  start: (index: number) => Promise<RedisProcess>,
): Promise<RedisProcess[]> {
  const starts = Array.from({ length: count }, async (_, index) => scope.use(await start(index)));
  const settled = await Promise.allSettled(starts);
  for (const result of settled) if (result.status === 'rejected') throw result.reason;
  return await Promise.all(starts);
}
