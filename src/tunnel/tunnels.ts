import type { DatabaseConfig, ListenerConfig } from '../config/types.ts';
import { messageOf, TunnelError } from '../errors.ts';
import { pairUp } from '../lifecycle/pair-up.ts';
import { within } from '../lifecycle/within.ts';
import type { ListenAddress } from '../net/endpoint.ts';
import { speaksTls } from '../net/tls.ts';
import type { Engine, TunnelCounters } from '../relay/core/engine.ts';
import type { Sentinels } from '../sentinel/members/sentinels.ts';
import type { MasterView } from '../sentinel/decision/view.ts';
import type { Log } from '../telemetry/log.ts';
import type { FailoverRecord } from './failover-record.ts';
import type { TunnelReading, TunnelView } from './tunnel-view.ts';
import { Tunnel } from './tunnel.ts';

/** What every tunnel needs. */
export interface TunnelParts {
  readonly engine: Engine;
  readonly sentinels: Sentinels;
  readonly log: Log;
  /** Descriptors of sockets that are already listening, for the listeners of the first configuration. */
  readonly handed?: Map<ListenerConfig, number> | undefined;
}

/**
 * The tunnels of a daemon: one for each configured database, and those of removed databases until their sessions have ended.
 */
export class Tunnels {
  readonly #parts: TunnelParts;
  readonly #cutting: AbortSignal;
  /** In the order of the configuration. */
  #current: readonly Tunnel[];
  /** The tunnels of removed databases, and the ends of their drains. */
  readonly #retiring = new Map<Tunnel, Promise<void>>();

  /** @param cutting ends every drain at once when it aborts */
  constructor(databases: readonly DatabaseConfig[], parts: TunnelParts, cutting: AbortSignal) {
    this.#parts = parts;
    this.#cutting = cutting;
    const { sentinels, log, handed } = parts;
    this.#current = databases.map((database) => new Tunnel(database, sentinels, log, handed));
  }

  /**
   * Opens every tunnel. Retries failed listeners in the background.
   *
   * @returns the failures of the first attempt, one for each listener
   */
  async open(): Promise<readonly TunnelError[]> {
    const failures = await Promise.all(
      this.#current.map(async (tunnel) =>
        (await tunnel.open(this.#parts.engine)).map((cause) => {
          const text = `${tunnel.name}: ${messageOf(cause)}`;
          return new TunnelError('ST_LISTEN_FAILED', text, { cause });
        }),
      ),
    );
    return failures.flat();
  }

  /**
   * Applies another list of databases. A database that stays is adjusted in place. One that is removed, that starts or stops using
   * TLS, or whose `redis.port` changes closes its listeners and drains its sessions. Listeners close before others open.
   *
   * @param drainMs how long the sessions of a removed tunnel may continue, in milliseconds
   */
  async adjust(databases: readonly DatabaseConfig[], drainMs: number): Promise<void> {
    const { engine, sentinels, log } = this.#parts;
    const kept: { readonly tunnel: Tunnel; readonly database: DatabaseConfig }[] = [];
    const fresh: Tunnel[] = [];
    const gone: Tunnel[] = [];
    const current: Tunnel[] = [];
    const pairs = pairUp(this.#current, databases, ({ name }) => name);
    for (const { before: known, after: database } of pairs) {
      const doesFit = known && database && fits(known.database, database);
      if (known && !doesFit) gone.push(known);
      if (!database) continue;
      const tunnel = known && doesFit ? known : new Tunnel(database, sentinels, log);
      if (tunnel === known) kept.push({ tunnel, database });
      else fresh.push(tunnel);
      current.push(tunnel);
    }
    this.#current = current;
    await Promise.all([
      ...kept.map(({ tunnel, database }) => tunnel.adjust(database)),
      ...gone.map((tunnel) => this.#retire(tunnel, drainMs)),
    ]);
    await Promise.all([
      ...kept.map(({ tunnel }) => tunnel.extend()),
      ...fresh.map((tunnel) => tunnel.open(engine)),
    ]);
  }

  /**
   * @returns the tunnel of a database
   * @throws TunnelError `ST_USAGE` when no database has that name
   */
  named(name: string): Tunnel {
    const tunnel = this.#current.find((each) => each.name === name);
    if (!tunnel) throw new TunnelError('ST_USAGE', `No database "${name}"`);
    return tunnel;
  }

  /** The open addresses, by database. */
  listening(): readonly { readonly database: string; readonly address: ListenAddress }[] {
    return this.#current.flatMap(({ name, listening }) =>
      listening.map((address) => ({ database: name, address })),
    );
  }

  /** The present view of each master. */
  views(): readonly MasterView[] {
    return this.#current.map((tunnel) => tunnel.view());
  }

  /** The counters of each database whose listeners are open. */
  counters(): readonly { readonly database: string; readonly counters: TunnelCounters }[] {
    return this.#current.flatMap((tunnel) => {
      const counters = tunnel.counters();
      return counters ? [{ database: tunnel.name, counters }] : [];
    });
  }

  /** The failovers that are over, by database, oldest first. */
  records(): readonly FailoverRecord[] {
    return this.#current.flatMap((tunnel) => tunnel.records());
  }

  /** The values that the history samples every second. */
  readings(): readonly TunnelReading[] {
    return this.#current.map((tunnel) => tunnel.reading());
  }

  /** Everything that the admin listener shows of each. */
  overviews(): readonly TunnelView[] {
    return this.#current.map((tunnel) => tunnel.overview());
  }

  /** How many clients are connected, waiting ones and those of removed databases included. */
  countConnected(): number {
    return this.#all().reduce((sum, tunnel) => {
      const counters = tunnel.counters();
      return counters ? sum + counters.open + counters.held : sum;
    }, 0);
  }

  /** Stops accepting; resolves when the last session has ended. */
  async drain(): Promise<void> {
    await Promise.all(this.#all().map((tunnel) => tunnel.drain()));
  }

  /** Cuts the remaining sessions. */
  async close(): Promise<void> {
    await Promise.all(this.#all().map((tunnel) => tunnel.close()));
    await Promise.all(this.#retiring.values());
  }

  #all(): readonly Tunnel[] {
    return [...this.#current, ...this.#retiring.keys()];
  }

  /** Resolves when its addresses are free; its sessions drain. */
  async #retire(tunnel: Tunnel, drainMs: number): Promise<void> {
    const unlistened = tunnel.unlisten();
    const ended = this.#drainAndClose(tunnel, unlistened, drainMs).finally(() => {
      this.#retiring.delete(tunnel);
    });
    this.#retiring.set(tunnel, ended);
    await unlistened;
  }

  async #drainAndClose(tunnel: Tunnel, unlistened: Promise<void>, drainMs: number): Promise<void> {
    const drained = unlistened.then(() => tunnel.drain());
    await within(drainMs, drained, this.#cutting);
    await tunnel.close();
  }
}

/**
 * Whether a tunnel can be adjusted from one configuration to the other. With TLS it may need another engine, and a view of servers at
 * one port does not apply to another port.
 */
function fits(before: DatabaseConfig, after: DatabaseConfig): boolean {
  return speaksTls(before) === speaksTls(after) && before.redis.port === after.redis.port;
}
