import { randomBytes } from 'node:crypto';
import { Scope } from '../../../src/lifecycle/scope.ts';
import { eventually, Network, RedisProcess, rows, type Namespace } from '../../support/index.ts';

const redisPort = 6379;
const sentinelPort = 26379;
export const masterName = 'mymaster';

/**
 * A cluster over two namespaces that can be parted: the master with one Sentinel in the one, a replica with two
 * Sentinels in the other, and a third namespace for a tunnel that need not see both.
 */
export class Divided implements AsyncDisposable {
  readonly network: Network;
  readonly minor: Namespace;
  readonly major: Namespace;
  readonly app: Namespace;
  readonly master: RedisProcess;
  readonly replica: RedisProcess;
  /** The first is in the minor part. */
  readonly sentinels: readonly RedisProcess[];
  readonly #scope: Scope;

  static async start(): Promise<Divided> {
    const scope = new Scope();
    try {
      const network = scope.use(await Network.create());
      const [minor, major, app] = [await network.add(), await network.add(), await network.add()];
      const master = scope.use(await redisIn(minor));
      const replica = scope.use(await redisIn(major, [`replicaof ${minor.address} ${redisPort}`]));
      await eventually(async () => {
        await master.command('PUBLISH', 'replication', 'begins');
        return Number((await replica.info('replication')).get('slave_repl_offset')) > 0;
      });
      const places = [
        { namespace: minor, port: sentinelPort, id: randomBytes(20).toString('hex') },
        { namespace: major, port: sentinelPort, id: randomBytes(20).toString('hex') },
        { namespace: major, port: sentinelPort + 1, id: randomBytes(20).toString('hex') },
      ];
      const sentinels: RedisProcess[] = [];
      for (const own of places) {
        const others = places.filter((place) => place !== own);
        const config = [
          `sentinel myid ${own.id}`,
          `sentinel monitor ${masterName} ${minor.address} ${redisPort} 2`,
          `sentinel down-after-milliseconds ${masterName} 2000`,
          `sentinel failover-timeout ${masterName} 5000`,
          `sentinel known-replica ${masterName} ${major.address} ${redisPort}`,
          ...others.map(
            ({ namespace, port, id }) =>
              `sentinel known-sentinel ${masterName} ${namespace.address} ${port} ${id}`,
          ),
        ];
        const { address: host, prefix } = own.namespace;
        sentinels.push(
          scope.use(await RedisProcess.start({ sentinel: true, host, prefix, port: own.port, config })),
        );
      }
      const divided = new Divided(network, { minor, major, app }, { master, replica, sentinels }, scope);
      await divided.#formed();
      return divided;
    } catch (error) {
      await scope.close();
      throw error;
    }
  }

  private constructor(
    network: Network,
    parts: { minor: Namespace; major: Namespace; app: Namespace },
    servers: { master: RedisProcess; replica: RedisProcess; sentinels: readonly RedisProcess[] },
    scope: Scope,
  ) {
    this.network = network;
    this.minor = parts.minor;
    this.major = parts.major;
    this.app = parts.app;
    this.master = servers.master;
    this.replica = servers.replica;
    this.sentinels = servers.sentinels;
    this.#scope = scope;
  }

  get seeds(): readonly string[] {
    return this.sentinels.map(({ host, port }) => `${host}:${port}`);
  }

  /** What a Sentinel names, as `host:port`. */
  async named(index: number): Promise<string> {
    const sentinel = this.#sentinel(index);
    const reply = await sentinel.command('SENTINEL', 'get-master-addr-by-name', masterName);
    return Array.isArray(reply) ? reply.join(':') : '';
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope.close();
  }

  #sentinel(index: number): RedisProcess {
    const found = this.sentinels[index];
    if (!found) throw new Error(`No Sentinel has the index ${index}`);
    return found;
  }

  async #formed(): Promise<void> {
    for (const sentinel of this.sentinels) {
      await eventually(async () => {
        const peers = rows(await sentinel.command('SENTINEL', 'sentinels', masterName));
        const replicas = rows(await sentinel.command('SENTINEL', 'replicas', masterName));
        return (
          peers.filter((row) => row.get('flags') === 'sentinel').length === this.sentinels.length - 1 &&
          replicas.some((row) => Number(row.get('slave-repl-offset')) > 0)
        );
      });
    }
  }
}

async function redisIn(namespace: Namespace, config: readonly string[] = []): Promise<RedisProcess> {
  const { address: host, prefix } = namespace;
  return await RedisProcess.start({ host, prefix, port: redisPort, config });
}
