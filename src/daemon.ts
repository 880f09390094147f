import { readPage } from './admin/page.ts';
import type { AdminPort, Overview } from './admin/port.ts';
import { AdminServer } from './admin/server.ts';
import { isDeepStrictEqual } from 'node:util';
import type { Config, DatabaseConfig, ListenerConfig, LogConfig } from './config/config.ts';
import { changeLine, diffConfigs, pairUp, type Change } from './config/diff.ts';
import { messageOf, TunnelError } from './errors.ts';
import { Latest } from './lifecycle/latest.ts';
import type { ListenAddress } from './net/endpoint.ts';
import { OwnListeners } from './net/own-listeners.ts';
import { speaksTls } from './net/tls.ts';
import { chooseEngine } from './relay/choose.ts';
import { shortageFor } from './relay/descriptor-limit.ts';
import type { Engine, TunnelCounters } from './relay/engine.ts';
import { Sentinels } from './sentinel/sentinels.ts';
import type { MasterView } from './sentinel/view.ts';
import { EventFeed } from './telemetry/feed.ts';
import type { Log } from './telemetry/log.ts';
import type { FailoverStory } from './tunnel/story.ts';
import { Tunnel } from './tunnel/tunnel.ts';
import { version } from './version.ts';

/** A running tunnel daemon. */
export interface Daemon {
  /** What is listened on now, by database. */
  listening(): readonly { readonly database: string; readonly address: ListenAddress }[];
  /** What is believed of each database's master now. */
  views(): readonly MasterView[];
  /** The counters of each database whose listeners are open. */
  counters(): readonly { readonly database: string; readonly counters: TunnelCounters }[];
  /** The failovers that are over, by database in order of configuration, oldest first. */
  stories(): readonly FailoverStory[];
  /**
   * Takes over another configuration, database by database: what does not differ is not touched. One at a time; of
   * those asked for meanwhile the latest counts. Logs what has changed, or why nothing has.
   *
   * @param config the configuration; read anew from where it came from if it is not given
   * @returns what has changed, and what applying it has done
   * @throws TunnelError `ST_CONFIG_UNREADABLE` or `ST_CONFIG_INVALID` with every problem, `ST_LOG_UNWRITABLE`, `ST_CLOSED`
   *   while stopping; everything goes on as it was then
   */
  reload(config?: Config): Promise<readonly Change[]>;
  /**
   * Asks everything that carries bytes for a sign of life.
   *
   * @param withinMs how long an answer may take, in milliseconds
   * @returns the names of those that gave none in time
   */
  alive(withinMs: number): Promise<readonly string[]>;
  /** How long sessions may go on when a stop is asked for now, in milliseconds. */
  drainMs(): number;
  /**
   * The numbered shutdown of `docs/operations.md`. Idempotent; joins a stop in progress.
   *
   * @param reason what is logged: a signal's name, or what an embedder says
   */
  stop(reason: string): Promise<StopOutcome>;
  /** Ends the drain of a stop in progress at once, or of the next one. */
  cut(): void;
}

/** What a daemon cannot know of itself. */
export interface Surroundings {
  /** The file that the configuration was read from, for people. */
  readonly configFile?: string;
  /** Descriptors of sockets that listen already, for the listeners of the configuration. */
  readonly handed?: Map<ListenerConfig, number>;
  /** Reads the configuration anew from where it came from. Without it only one that is given can be reloaded. */
  readonly read?: () => Promise<Config>;
  /**
   * Takes over another configuration of the log. Without it the log stays as it is.
   *
   * @throws TunnelError `ST_LOG_UNWRITABLE`; the log and everything else stay as they are then
   */
  readonly adjustLog?: (log: LogConfig) => void;
  /** Why the log cannot be written just now; `undefined` where it can. */
  readonly logTrouble?: () => string | undefined;
}

/** `drained`: every session had ended by itself. `cut`: the deadline passed, or `cut()` was called, with sessions left. */
export type StopOutcome = 'drained' | 'cut';

/** Whoever asked for a reload over the admin listener hears of it before that listener makes room for another. */
const adminPartingMs = 100;

/**
 * Starts everything: engine, Sentinels, one tunnel per database. Needs no Sentinel to be up. An address that cannot be
 * listened on is tried again and again, so that one port in use does not take the other databases down with it.
 *
 * @throws TunnelError `ST_LISTEN_FAILED` where nothing at all could be listened on; nothing is left running then
 */
export async function startDaemon(
  config: Config,
  given: Log,
  surroundings: Surroundings = {},
): Promise<Daemon> {
  const feed = new EventFeed();
  const log = feed.tee(given);
  for (const warning of config.warnings) log.warn('config.warning', { warning });
  const later: { sentinels?: Sentinels } = {};
  const engine = await chooseEngine(config.engine, config.threads, log, async () => {
    const beganMs = performance.now();
    await later.sentinels?.heardAnew();
    log.warn('tunnel.stalled', { askedMs: Math.round(performance.now() - beganMs) });
  });
  engine.limit(config.maxConnections);
  warnOfShortage(config, log);
  const own = new OwnListeners(() => daemon.listening().map(({ address }) => address));
  const { addressMap } = config;
  const sentinels = new Sentinels(config.sentinels, config.sentinel, log, { addressMap, own });
  later.sentinels = sentinels;
  const daemon: RunningDaemon = new RunningDaemon(config, log, engine, sentinels, feed, surroundings);
  const failures = await daemon.open();
  if (failures.length > 0 && daemon.listening().length === 0) {
    await daemon.abandon();
    throw new TunnelError('ST_LISTEN_FAILED', failures.map(messageOf).join('\n'), { cause: failures[0] });
  }
  const { databases } = config;
  log.info('tunnel.started', { version, databases: databases.length, engine: engine.name });
  return daemon;
}

function warnOfShortage({ databases, maxConnections }: Config, log: Log): void {
  const sum = databases.reduce((total, database) => total + database.maxConnections, 0);
  const connections = Math.min(sum, maxConnections);
  const shortage = shortageFor(connections);
  if (shortage) log.warn('descriptors.few', { connections, ...shortage });
}

class RunningDaemon implements Daemon {
  readonly #feed: EventFeed;
  readonly #log: Log;
  readonly #engine: Engine;
  readonly #sentinels: Sentinels;
  readonly #cutting = new AbortController();
  readonly #reloads = new Latest<readonly Change[]>();
  /** Tunnels of databases that are gone: their sessions come to an end. */
  readonly #retiring = new Map<Tunnel, Promise<void>>();
  readonly #surroundings: Surroundings;
  readonly #startedMs = performance.now();
  readonly #startedAt = new Date().toISOString();
  #config: Config;
  #tunnels: readonly Tunnel[];
  #admin: AdminServer | undefined;
  #adminChanging: Promise<void> | undefined;
  #stop: Promise<StopOutcome> | undefined;

  constructor(
    config: Config,
    log: Log,
    engine: Engine,
    sentinels: Sentinels,
    feed: EventFeed,
    surroundings: Surroundings,
  ) {
    this.#feed = feed;
    this.#surroundings = surroundings;
    this.#config = config;
    this.#log = log;
    this.#engine = engine;
    this.#sentinels = sentinels;
    this.#tunnels = config.databases.map(
      (database) => new Tunnel(database, sentinels, log, surroundings.handed),
    );
  }

  /** Opens every tunnel; what cannot be listened on is tried again in the background. Gives what went wrong. */
  async open(): Promise<readonly TunnelError[]> {
    this.#openAdmin();
    const failures = await Promise.all(
      this.#tunnels.map(async (tunnel) =>
        (await tunnel.open(this.#engine)).map((cause) => {
          const text = `${tunnel.database.name}: ${messageOf(cause)}`;
          return new TunnelError('ST_LISTEN_FAILED', text, { cause });
        }),
      ),
    );
    return failures.flat();
  }

  listening(): readonly { readonly database: string; readonly address: ListenAddress }[] {
    return this.#tunnels.flatMap(({ database, listening }) =>
      listening.map((address) => ({ database: database.name, address })),
    );
  }

  views(): readonly MasterView[] {
    return this.#tunnels.map((tunnel) => tunnel.view());
  }

  counters(): readonly { readonly database: string; readonly counters: TunnelCounters }[] {
    return this.#tunnels.flatMap((tunnel) => {
      const counters = tunnel.counters();
      return counters ? [{ database: tunnel.database.name, counters }] : [];
    });
  }

  stories(): readonly FailoverStory[] {
    return this.#tunnels.flatMap((tunnel) => tunnel.stories());
  }

  #overview(): Overview {
    return {
      version,
      engine: this.#engine.name,
      threads: this.#engine.name === 'epoll' ? this.#config.threads : 0,
      lags: this.#engine.lags(),
      isDraining: this.#stop !== undefined,
      startedAt: this.#startedAt,
      uptimeMs: performance.now() - this.#startedMs,
      configFile: this.#surroundings.configFile,
      logTrouble: this.#surroundings.logTrouble?.(),
      tunnels: this.#tunnels.map((tunnel) => tunnel.overview()),
      sentinels: this.#sentinels.views(),
      lastEventId: this.#feed.latestId,
    };
  }

  reload(config?: Config): Promise<readonly Change[]> {
    return this.#reloads.run(async () => {
      try {
        this.#assertRunning();
        const next = config ?? (await this.#read());
        return await this.#apply(next);
      } catch (error) {
        this.#log.error('config.reload-failed', { reason: messageOf(error) });
        throw error;
      }
    });
  }

  alive(withinMs: number): Promise<readonly string[]> {
    return this.#engine.alive(withinMs);
  }

  drainMs(): number {
    return this.#config.drainMs;
  }

  stop(reason: string): Promise<StopOutcome> {
    this.#stop ??= this.#shutDown(reason);
    return this.#stop;
  }

  cut(): void {
    this.#cutting.abort();
  }

  /** Undoes a start that came to nothing. */
  async abandon(): Promise<void> {
    await this.#close();
  }

  #read(): Promise<Config> {
    const { read } = this.#surroundings;
    if (read) return read();
    throw new TunnelError('ST_USAGE', 'Cannot read the configuration anew: it came from no file');
  }

  #assertRunning(): void {
    if (this.#stop) throw new TunnelError('ST_CLOSED', 'Cannot reload: the tunnel is stopping');
  }

  /** What has to be free for others goes first: listeners close before any opens. */
  async #apply(next: Config): Promise<readonly Change[]> {
    this.#assertRunning();
    const before = this.#config;
    const changes = diffConfigs(before, next);
    if (changes.length === 0) {
      this.#log.info('config.reloaded', { changes: 0 });
      return changes;
    }
    // First, for it alone may fail: then nothing has changed.
    if (!isDeepStrictEqual(before.log, next.log)) this.#surroundings.adjustLog?.(next.log);
    // What only a restart changes stays what it is, and is said again by the next reload.
    this.#config = { ...next, engine: before.engine, threads: before.threads };
    this.#engine.limit(next.maxConnections);
    this.#sentinels.adjust(next.sentinels, next.sentinel, next.addressMap);
    const pairs = pairUp(before.databases, next.databases, ({ name }) => name);
    const tunnelOf = new Map(before.databases.map((database, index) => [database, this.#tunnels[index]]));
    const fresh: Tunnel[] = [];
    const kept: { readonly tunnel: Tunnel; readonly database: DatabaseConfig }[] = [];
    const gone: Tunnel[] = [];
    const tunnels: Tunnel[] = [];
    for (const pair of pairs) {
      const known = pair.before && tunnelOf.get(pair.before);
      if (pair.after) {
        // The engine of one cannot do for the other.
        const fit = known && speaksTls(known.database) === speaksTls(pair.after) ? known : undefined;
        const tunnel = fit ?? new Tunnel(pair.after, this.#sentinels, this.#log);
        tunnels.push(tunnel);
        if (fit) kept.push({ tunnel, database: pair.after });
        else fresh.push(tunnel);
        if (known && !fit) gone.push(known);
      } else if (known) gone.push(known);
    }
    this.#tunnels = tunnels;
    await Promise.all([
      ...kept.map(({ tunnel, database }) => tunnel.adjust(database)),
      ...gone.map((tunnel) => this.#retire(tunnel)),
    ]);
    await Promise.all([
      ...kept.map(({ tunnel }) => tunnel.extend()),
      ...fresh.map((tunnel) => tunnel.open(this.#engine)),
    ]);
    if (!isDeepStrictEqual(before.admin, next.admin)) this.#changeAdmin();
    const lines = changes.map(changeLine);
    this.#log.info('config.reloaded', { changes: changes.length, lines });
    return changes;
  }

  /** Resolves when its addresses are free; its sessions have the time of a drain. */
  async #retire(tunnel: Tunnel): Promise<void> {
    const ended = this.#drainAndClose(tunnel, this.#config.drainMs).finally(() => {
      this.#retiring.delete(tunnel);
    });
    this.#retiring.set(tunnel, ended);
    await tunnel.unlisten();
  }

  async #drainAndClose(tunnel: Tunnel, ms: number): Promise<void> {
    await this.#within(
      ms,
      tunnel.unlisten().then(() => tunnel.drain()),
    );
    await tunnel.close();
  }

  /** The steps are those of `docs/operations.md`, in the same order. */
  async #shutDown(signal: string): Promise<StopOutcome> {
    const { drainMs } = this.#config;
    const counted = this.counters();
    const sessions = counted.reduce((sum, { counters }) => sum + counters.open, 0);
    const held = counted.reduce((sum, { counters }) => sum + counters.held, 0);
    this.#log.info('tunnel.stopping', { signal, sessions, held, drainMs });
    // 1 the tunnel is not ready any more and opens no listener, 2 listeners close and waiting clients are refused, 3 the drain deadline starts
    const drained = Promise.all(this.#all().map((tunnel) => tunnel.drain()));
    // 4 sessions finish, or the deadline or a second signal comes first
    await this.#within(drainMs, drained);
    const left = this.#openSessions();
    const outcome: StopOutcome = left === 0 ? 'drained' : 'cut';
    // 5 what is left is cut, 6 the watches close, 7 the engine closes, 8 the admin listener closes
    await this.#close();
    await drained;
    this.#log.info('tunnel.stopped', { outcome, left });
    return outcome;
  }

  #all(): readonly Tunnel[] {
    return [...this.#tunnels, ...this.#retiring.keys()];
  }

  async #close(): Promise<void> {
    await Promise.all(this.#all().map((tunnel) => tunnel.close()));
    await Promise.all(this.#retiring.values());
    this.#sentinels.close();
    await this.#engine.close();
    await this.#adminChanging;
    await this.#admin?.close();
  }

  #openAdmin(): void {
    const { admin } = this.#config;
    if (admin) this.#admin = new AdminServer(admin, this.#adminPort(), readPage(), this.#log);
  }

  #changeAdmin(): void {
    this.#adminChanging ??= (async () => {
      await new Promise((resolve) => setTimeout(resolve, adminPartingMs));
      await this.#admin?.close();
      this.#admin = undefined;
      this.#adminChanging = undefined;
      if (!this.#stop) this.#openAdmin();
    })();
  }

  #adminPort(): AdminPort {
    return {
      feed: this.#feed,
      overview: () => this.#overview(),
      stories: () => this.stories(),
      alive: (withinMs) => this.#engine.alive(withinMs),
      actions: {
        hold: (name, ms) => this.#tunnel(name).hold(ms, 'held by an operator'),
        release: (name) => this.#tunnel(name).release(),
        cut: (name) => this.#tunnel(name).cut(),
        failover: (name) => this.#failover(name),
        graceful: (name, finishMs) => this.#tunnel(name).failOver(finishMs, () => this.#failover(name)),
      },
      reload: this.#surroundings.read && (async () => (await this.reload()).map(changeLine)),
    };
  }

  #tunnel(name: string): Tunnel {
    const tunnel = this.#tunnels.find(({ database }) => database.name === name);
    if (!tunnel) throw new TunnelError('ST_USAGE', `No database "${name}"`);
    return tunnel;
  }

  async #failover(name: string): Promise<string> {
    const sentinel = await this.#sentinels.failover(name);
    this.#log.info('failover.ordered', { database: name, sentinel });
    return sentinel;
  }

  /** Resolves with the task, or after `ms`, or at once when the rest is to be cut. */
  async #within(ms: number, task: Promise<unknown>): Promise<void> {
    const { signal } = this.#cutting;
    let enough: () => void = () => undefined;
    const over = new Promise<void>((resolve) => (enough = resolve));
    const timer = setTimeout(enough, ms);
    signal.addEventListener('abort', enough, { once: true });
    if (signal.aborted) enough();
    await Promise.race([task, over]);
    clearTimeout(timer);
    signal.removeEventListener('abort', enough);
  }

  #openSessions(): number {
    return this.#all().reduce((sum, tunnel) => {
      const counters = tunnel.counters();
      return counters ? sum + counters.open + counters.held : sum;
    }, 0);
  }
}
