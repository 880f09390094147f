import { randomBytes } from 'node:crypto';
import { fileURLToPath } from 'node:url';
import process from 'node:process';
import { Scope } from '../../../src/lifecycle/scope.ts';
import {
  awaitFormed,
  Child,
  eventually,
  Group,
  Network,
  patienceMs,
  RedisProcess,
  type Namespace,
} from '../../support/index.ts';

/** What the servers announce: of TEST-NET-3, which is for documentation (RFC 5737); nobody else has it. */
export const announcedHost = '203.0.113.1';
/** Where a port is published in addition to where it is inside: the ports of a NAT need not be the same. */
const shift = 1000;
const redisPorts = [6379, 6380, 6381] as const;
const sentinelPorts = [26379, 26380, 26381] as const;
const forwarder = fileURLToPath(new URL('forwarder-child.js', import.meta.url));

/**
 * A site behind NAT: a master, two replicas and three Sentinels that know each other, and announce themselves, under an
 * address that exists inside of it alone, and ports published at the address of the site, unchanged and shifted by 1000.
 * Whoever is in `app` reaches the latter and not the former.
 */
export class Site implements AsyncDisposable {
  readonly network: Network;
  readonly app: Namespace;
  /** Where the ports are published. */
  readonly gateway: string;
  readonly group: Group;
  readonly #scope: Scope;

  static async start(name: string): Promise<Site> {
    const scope = new Scope();
    try {
      const network = scope.use(await Network.create());
      const [inside, app] = [await network.add(), await network.add()];
      await network.addAddress(inside, announcedHost);
      scope.use(await publish(inside, [...redisPorts, ...sentinelPorts]));
      const start = async (
        port: number,
        config: readonly string[],
        sentinel = false,
      ): Promise<RedisProcess> =>
        scope.use(
          await RedisProcess.start({
            sentinel,
            prefix: inside.prefix,
            // Where the test reaches it; inside it has another address.
            host: inside.address,
            port,
            config: [`bind ${announcedHost}`, ...config],
          }),
        );
      const [masterPort, ...replicaPorts] = redisPorts;
      const announced = [`replica-announce-ip ${announcedHost}`];
      const master = await start(masterPort, announced);
      const replicas: RedisProcess[] = [];
      for (const port of replicaPorts) {
        replicas.push(await start(port, [...announced, `replicaof ${announcedHost} ${masterPort}`]));
      }
      for (const replica of replicas) {
        await eventually(async () => {
          await master.command('PUBLISH', 'replication', 'begins');
          return Number((await replica.info('replication')).get('slave_repl_offset')) > 0;
        });
      }
      const identities = sentinelPorts.map((port) => ({ port, id: randomBytes(20).toString('hex') }));
      const sentinels: RedisProcess[] = [];
      for (const own of identities) {
        const others = identities.filter((other) => other !== own);
        const config = [
          `sentinel announce-ip ${announcedHost}`,
          `sentinel myid ${own.id}`,
          `sentinel monitor ${name} ${announcedHost} ${masterPort} 2`,
          `sentinel down-after-milliseconds ${name} 1000`,
          `sentinel failover-timeout ${name} 5000`,
          ...replicaPorts.map((port) => `sentinel known-replica ${name} ${announcedHost} ${port}`),
          ...others.map(({ port, id }) => `sentinel known-sentinel ${name} ${announcedHost} ${port} ${id}`),
        ];
        sentinels.push(await start(own.port, config, true));
      }
      const group = new Group(name, master, replicas, sentinels);
      await awaitFormed(group);
      return new Site(network, app, inside.address, group, scope);
    } catch (error) {
      await scope.close();
      throw error;
    }
  }

  private constructor(network: Network, app: Namespace, gateway: string, group: Group, scope: Scope) {
    this.network = network;
    this.app = app;
    this.gateway = gateway;
    this.group = group;
    this.#scope = scope;
  }

  /** The Sentinels as they are published. */
  get seeds(): readonly string[] {
    return sentinelPorts.map((port) => `${this.gateway}:${port}`);
  }

  /** The map that names each port of each server. */
  get exactMap(): Readonly<Record<string, string>> {
    const ports = [...redisPorts, ...sentinelPorts];
    return Object.fromEntries(
      ports.map((port) => [`${announcedHost}:${port}`, `${this.gateway}:${port + shift}`]),
    );
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#scope.close();
  }
}

async function publish(inside: Namespace, ports: readonly number[]): Promise<Child> {
  const pairs = ports.flatMap((port) =>
    [port, port + shift].map((open) => `${inside.address}:${open}=${announcedHost}:${port}`),
  );
  let opened = 0;
  const child = await Child.spawn([...inside.prefix, process.execPath, forwarder, ...pairs], {
    name: 'forwarder',
    onLine: () => (opened += 1),
  });
  await child.until(() => Promise.resolve(opened === pairs.length), patienceMs);
  return child;
}
