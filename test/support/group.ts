import { eventually, patienceMs } from './eventually.ts';
import type { RedisProcess } from './redis-process.ts';
import { ReplyError, type Reply } from './resp.ts';

/**
 * How long a test waits for a failover, in milliseconds. Where no Sentinel gets the votes of a majority, they try again
 * only after twice the failover-timeout.
 */
export const failoverMs = 60_000;

export interface AwaitOptions {
  readonly withinMs?: number;
}

/** One monitored master with its replicas, and the Sentinels that watch it. */
export class Group {
  readonly name: string;
  /** The process that was started as the master; see `masterNow` for the one that is. */
  readonly master: RedisProcess;
  /** The processes that were started as its replicas. */
  readonly replicas: readonly RedisProcess[];
  readonly sentinels: readonly RedisProcess[];

  constructor(
    name: string,
    master: RedisProcess,
    replicas: readonly RedisProcess[],
    sentinels: readonly RedisProcess[],
  ) {
    this.name = name;
    this.master = master;
    this.replicas = replicas;
    this.sentinels = sentinels;
  }

  /** The master and the replicas, whatever their roles are now. */
  get servers(): readonly RedisProcess[] {
    return [this.master, ...this.replicas];
  }

  /**
   * Asks one Sentinel for a failover and returns when it has begun, which is before the promotion. After another failover
   * it may first have to end that one, and to look at the replicas.
   */
  async failover(sentinelIndex = 0): Promise<void> {
    const asked = this.sentinel(sentinelIndex);
    await eventually(
      async () => {
        try {
          await asked.command('SENTINEL', 'FAILOVER', this.name);
          return true;
        } catch (error) {
          if (isReplyError(error, 'NOGOODSLAVE') || isReplyError(error, 'INPROG')) return false;
          throw error;
        }
      },
      { withinMs: failoverMs },
    );
  }

  /** A failover, and the new master once every running Sentinel names it. */
  async failoverAndSettle(sentinelIndex = 0, options?: AwaitOptions): Promise<RedisProcess> {
    const before = await this.masterNow();
    await this.failover(sentinelIndex);
    return await this.awaitNewMaster(before, options);
  }

  /** The port that each running Sentinel names, undefined where one says nothing. */
  async named(): Promise<readonly (number | undefined)[]> {
    const running = this.sentinels.filter((sentinel) => sentinel.isRunning);
    return await Promise.all(running.map((sentinel) => namedBy(sentinel, this.name)));
  }

  /** The process that the running Sentinels name with one voice. */
  async masterNow(options?: AwaitOptions): Promise<RedisProcess> {
    return await this.#awaitNamed(() => true, options);
  }

  /** Waits until every running Sentinel names the server on this port. */
  async awaitMaster(port: number, options?: AwaitOptions): Promise<RedisProcess> {
    return await this.#awaitNamed((server) => server.port === port, options);
  }

  /** Waits until every running Sentinel names one and the same server other than this. */
  async awaitNewMaster(before: RedisProcess, options?: AwaitOptions): Promise<RedisProcess> {
    return await this.#awaitNamed((server) => server !== before, options);
  }

  sentinel(index: number): RedisProcess {
    const found = this.sentinels[index];
    if (!found) throw new Error(`No Sentinel has the index ${index}`);
    return found;
  }

  replica(index: number): RedisProcess {
    const found = this.replicas[index];
    if (!found) throw new Error(`No replica has the index ${index}`);
    return found;
  }

  async #awaitNamed(
    accept: (server: RedisProcess) => boolean,
    { withinMs = failoverMs }: AwaitOptions = {},
  ): Promise<RedisProcess> {
    return await eventually(
      async () => {
        const ports = await this.named();
        const found = this.servers.find(
          (server) => ports.length > 0 && ports.every((port) => port === server.port),
        );
        if (found && accept(found)) return found;
        throw new Error(`The Sentinels name ${ports.join(', ')} as the master of "${this.name}"`);
      },
      { withinMs },
    );
  }
}

async function namedBy(sentinel: RedisProcess, name: string): Promise<number | undefined> {
  try {
    await using client = await sentinel.connect(2000);
    const reply = await client.command('SENTINEL', 'get-master-addr-by-name', name);
    return Array.isArray(reply) ? Number(reply[1]) : undefined;
  } catch {
    return undefined; // frozen, or on its way down
  }
}

/**
 * Waits until all Sentinels agree on the master, are linked to each other, and have seen each replica's state in
 * an INFO: what a failover needs, and what is otherwise known only after the INFO period of 10 s.
 */
export async function awaitFormed(group: Group, withinMs = patienceMs): Promise<void> {
  await group.awaitMaster(group.master.port, { withinMs });
  for (const sentinel of group.sentinels) {
    await eventually(async () => await isFormed(sentinel, group), { withinMs, everyMs: 50 });
  }
}

async function isFormed(sentinel: RedisProcess, group: Group): Promise<true> {
  const replicas = rows(await sentinel.command('SENTINEL', 'replicas', group.name));
  const known = replicas.filter(
    (row) =>
      row.get('flags') === 'slave' &&
      row.get('role-reported') === 'slave' &&
      row.get('master-link-status') === 'ok' &&
      Number(row.get('slave-repl-offset')) > 0,
  );
  const peers = rows(await sentinel.command('SENTINEL', 'sentinels', group.name));
  const linked = peers.filter((row) => row.get('flags') === 'sentinel');
  if (known.length === group.replicas.length && linked.length === group.sentinels.length - 1) return true;
  throw new Error(
    `The Sentinel on port ${sentinel.port} knows ${known.length} of ${group.replicas.length} replicas ` +
      `and ${linked.length} of ${group.sentinels.length - 1} Sentinels of "${group.name}"`,
  );
}

/** A reply of `SENTINEL replicas` and the like: one map per row. */
export function rows(reply: Reply): Map<string, string>[] {
  if (!Array.isArray(reply)) throw new Error(`Expected rows, got ${JSON.stringify(reply)}`);
  return reply.map(pairs);
}

/** A flat array of names and values as a map. */
export function pairs(reply: Reply): Map<string, string> {
  if (!Array.isArray(reply)) throw new Error(`Expected names and values, got ${JSON.stringify(reply)}`);
  const map = new Map<string, string>();
  for (let index = 0; index + 1 < reply.length; index += 2)
    map.set(text(reply[index]), text(reply[index + 1]));
  return map;
}

function text(reply: Reply | undefined): string {
  return typeof reply === 'string' || typeof reply === 'number'
    ? String(reply)
    : JSON.stringify(reply ?? null);
}

/** Whether a command failed with this error code, such as `NOGOODSLAVE`. */
export function isReplyError(thrown: unknown, code: string): boolean {
  return thrown instanceof ReplyError && thrown.code === code;
}
