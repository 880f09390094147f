import { Scope } from '../../src/lifecycle/scope.ts';
import { startCluster, TunnelProcess, type Cluster, type RedisProcess } from '../../test/support/index.ts';

const databaseName = 'mymaster';

/** Everything that the demo shows: a real cluster, and the tunnel in front of it. Disposing ends all of it. */
export class Stage implements AsyncDisposable {
  readonly cluster: Cluster;
  readonly tunnel: TunnelProcess;
  /** Where clients connect. */
  readonly port: number;
  readonly #scope: Scope;
  readonly #names: ReadonlyMap<string, string>;

  static async open(): Promise<Stage> {
    const scope = new Scope();
    try {
      const cluster = scope.use(
        await startCluster({ name: databaseName, replicas: 2, sentinels: 3, downAfterMs: 1000 }),
      );
      const tunnel = scope.use(
        await TunnelProcess.start({
          config: {
            sentinels: cluster.seeds,
            databases: [{ name: databaseName, listen: 0 }],
          },
        }),
      );
      await tunnel.waitFor(({ event }) => event === 'master.serving');
      return new Stage(cluster, tunnel, scope);
    } catch (error) {
      await scope.close();
      throw error;
    }
  }

  private constructor(cluster: Cluster, tunnel: TunnelProcess, scope: Scope) {
    this.cluster = cluster;
    this.tunnel = tunnel;
    this.port = tunnel.port(databaseName);
    this.#scope = scope;
    this.#names = new Map([
      ...cluster.servers.map((server, index) => [addressOf(server), `redis-${'ABC'[index] ?? ''}`] as const),
      ...cluster.sentinels.map((one, index) => [addressOf(one), `sentinel-${index + 1}`] as const),
    ]);
  }

  /** What each server is called here, and where it listens. */
  cast(): readonly string[] {
    const master = addressOf(this.cluster.master);
    return [...this.#names].map(
      ([address, name]) => `${name.padEnd(12)}${address}${address === master ? '  the master for now' : ''}`,
    );
  }

  nameOf(server: RedisProcess): string {
    return this.named(addressOf(server));
  }

  /** A text with names for addresses. */
  named(text: string): string {
    return text.replace(/[\d.]+:\d+/g, (address) => this.#names.get(address) ?? address);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#scope.close();
  }
}

function addressOf({ host, port }: RedisProcess): string {
  return `${host}:${port}`;
}
