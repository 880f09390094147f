import { AdminListener } from './admin/listener.ts';
import type { AdminCallbacks, Overview } from './admin/callbacks.ts';
import type { Config, ListenerConfig } from './config/types.ts';
import { changeLine, type Change } from './config/diff.ts';
import { ConnectionLimit } from './connection-limit.ts';
import { messageOf, TunnelError } from './errors.ts';
import { within } from './lifecycle/within.ts';
import type { ListenAddress } from './net/endpoint.ts';
import { names } from './net/names.ts';
import { OwnListeners } from './net/own-listeners.ts';
import { chooseEngine } from './relay/choose-engine.ts';
import type { Engine, TunnelCounters } from './relay/core/engine.ts';
import type { CatchUp, Stalled } from './lifecycle/stall.ts';
import { Reload, type ConfigSource } from './reload.ts';
import { Sentinels } from './sentinel/members/sentinels.ts';
import type { MasterView } from './sentinel/decision/view.ts';
import { EventFeed } from './telemetry/feed.ts';
import type { Log } from './telemetry/log.ts';
import { LogRateLimit } from './telemetry/rate-limit.ts';
import type { FailoverRecord } from './tunnel/failover-record.ts';
import { Tunnels } from './tunnel/tunnels.ts';
import { version } from './version.ts';

/** A running tunnel daemon. */
export interface Daemon {
  /** The open addresses, by database. */
  listening(): readonly { readonly database: string; readonly address: ListenAddress }[];
  /** The present view of each master. */
  views(): readonly MasterView[];
  /** The counters of each database whose listeners are open. */
  counters(): readonly { readonly database: string; readonly counters: TunnelCounters }[];
  /** The failovers that are over, by database in order of configuration, oldest first. */
  stories(): readonly FailoverRecord[];
  /**
   * Applies another configuration without touching what does not differ. One reload runs at a time; of several requests meanwhile the
   * latest runs. Logs the changes, or why there are none.
   *
   * @param config the configuration; by default it is read again from its file
   * @returns the changes and their effects
   * @throws TunnelError `ST_CONFIG_UNREADABLE` or `ST_CONFIG_INVALID` with every problem, `ST_LOG_UNWRITABLE`, `ST_CLOSED`
   *   while stopping; nothing changes then
   */
  reload(config?: Config): Promise<readonly Change[]>;
  /**
   * Checks that every relay thread responds.
   *
   * @param withinMs deadline for the responses, in milliseconds
   * @returns the names of the threads that did not respond in time
   */
  alive(withinMs: number): Promise<readonly string[]>;
  /** How long sessions may continue after a stop, in milliseconds. */
  drainMs(): number;
  /**
   * The numbered shutdown of `docs/operations.md`. Idempotent; joins a stop in progress.
   *
   * @param reason for the log: the name of a signal, or any text of an embedder
   */
  stop(reason: string): Promise<StopOutcome>;
  /** Ends the drain of a stop in progress at once, or of the next one. */
  cut(): void;
}

/** What the process passes to its daemon. */
export interface Surroundings extends ConfigSource {
  /** The path of the configuration file, for display. */
  readonly configFile?: string;
  /** Descriptors of sockets that are already listening, for the listeners of the configuration. */
  readonly handed?: Map<ListenerConfig, number>;
  /** Why log lines are not written, if so, and how many were dropped. */
  readonly logState?: () => { readonly trouble: string | undefined; readonly dropped: number };
}

/** `drained`: every session ended by itself. `cut`: sessions were open at the deadline or at `cut()`. */
export type StopOutcome = 'drained' | 'cut';

/**
 * Starts everything: engine, Sentinels, one tunnel per database. Needs no Sentinel to be up. Retries an address that it cannot listen
 * on, so that one port in use does not stop the other databases.
 *
 * @param given where events go
 * @returns the running daemon
 * @throws TunnelError `ST_LISTEN_FAILED` when no listener could be opened; nothing keeps running then
 */
export async function startDaemon(
  config: Config,
  given: Log,
  surroundings: Surroundings = {},
): Promise<Daemon> {
  const feed = new EventFeed();
  const rateLimit = new LogRateLimit(feed.tee(given));
  const { log } = rateLimit;
  for (const { text } of config.warnings) log.warn('config.warning', { warning: text });
  const later: { sentinels?: Sentinels } = {};
  const leaveNames = names.use();
  // The process for name lookups takes as long to start as an engine, so both start together.
  for (const { host } of config.sentinels) names.find(host, () => undefined);
  const recover = recoverFromStall(log, async () => {
    await later.sentinels?.refreshed();
  });
  const engine = await chooseEngine(config.engine, config.threads, log, recover).catch((error: unknown) => {
    leaveNames();
    throw error;
  });
  const limit = new ConnectionLimit(engine, log);
  limit.apply(config);
  const own = new OwnListeners(() => daemon.listening().map(({ address }) => address));
  const { addressMap, databases } = config;
  const sentinels = new Sentinels(config.sentinels, config.sentinel, log, { addressMap, own });
  later.sentinels = sentinels;
  const daemon: RunningDaemon = new RunningDaemon(
    config,
    { log, feed, engine, sentinels, leaveNames, rateLimit, limit },
    surroundings,
  );
  const failures = await daemon.open();
  if (failures.length > 0 && daemon.listening().length === 0) {
    await daemon.close();
    throw new TunnelError('ST_LISTEN_FAILED', failures.map(messageOf).join('\n'), { cause: failures[0] });
  }
  log.info('tunnel.started', { version, databases: databases.length, engine: engine.name });
  return daemon;
}

/** After a stall, queries the Sentinels again, because earlier messages may be outdated. Logs several concurrent stalls once. */
function recoverFromStall(log: Log, refreshed: () => Promise<void>): CatchUp {
  const stalled = new Set<Stalled>();
  let asking = 0;
  return async (stood) => {
    const beganMs = performance.now();
    stalled.add(stood);
    asking += 1;
    await refreshed();
    asking -= 1;
    if (asking > 0) return;
    const askedMs = Math.round(performance.now() - beganMs);
    // Another thread that kept running measures a stall of the main thread better than its own timers.
    log.warn(stalled.has('main thread') ? 'tunnel.unsteered' : 'tunnel.stalled', { askedMs });
    stalled.clear();
  };
}

/** How long a stop waits for a running reload at the end, in milliseconds. */
const mostReloadMs = 1_000;

/** The parts that a daemon owns and closes. */
interface Parts {
  readonly log: Log;
  readonly feed: EventFeed;
  readonly engine: Engine;
  readonly limit: ConnectionLimit;
  readonly sentinels: Sentinels;
  /** Ends the use of name lookups. */
  readonly leaveNames: () => void;
  readonly rateLimit: LogRateLimit;
}

class RunningDaemon implements Daemon {
  readonly #parts: Parts;
  readonly #surroundings: Surroundings;
  readonly #tunnels: Tunnels;
  readonly #admin: AdminListener;
  readonly #reload: Reload;
  readonly #cutting = new AbortController();
  readonly #startedMs = performance.now();
  readonly #startedAt = new Date().toISOString();
  #stop: Promise<StopOutcome> | undefined;
  #drainUntil: string | undefined;

  constructor(config: Config, parts: Parts, surroundings: Surroundings) {
    this.#parts = parts;
    this.#surroundings = surroundings;
    const { log } = parts;
    const tunnelParts = { ...parts, handed: surroundings.handed };
    this.#tunnels = new Tunnels(config.databases, tunnelParts, this.#cutting.signal);
    this.#admin = new AdminListener(config.admin, this.#adminCallbacks(), log);
    const configured = { ...parts, tunnels: this.#tunnels, admin: this.#admin };
    this.#reload = new Reload(config, configured, surroundings, log);
  }

  /** Opens every listener, and retries failed ones in the background. @returns the failures of the first attempt */
  open(): Promise<readonly TunnelError[]> {
    this.#admin.open();
    return this.#tunnels.open();
  }

  listening(): readonly { readonly database: string; readonly address: ListenAddress }[] {
    return this.#tunnels.listening();
  }

  views(): readonly MasterView[] {
    return this.#tunnels.views();
  }

  counters(): readonly { readonly database: string; readonly counters: TunnelCounters }[] {
    return this.#tunnels.counters();
  }

  stories(): readonly FailoverRecord[] {
    return this.#tunnels.records();
  }

  reload(config?: Config): Promise<readonly Change[]> {
    return this.#reload.run(config);
  }

  alive(withinMs: number): Promise<readonly string[]> {
    return this.#parts.engine.alive(withinMs);
  }

  drainMs(): number {
    return this.#reload.config.drainMs;
  }

  stop(reason: string): Promise<StopOutcome> {
    this.#stop ??= this.#shutDown(reason);
    return this.#stop;
  }

  cut(): void {
    this.#cutting.abort();
  }

  /** The steps are those of `docs/operations.md`, in the same order. */
  async #shutDown(signal: string): Promise<StopOutcome> {
    const { log } = this.#parts;
    const drainMs = this.drainMs();
    const counted = this.counters();
    const sessions = counted.reduce((sum, { counters }) => sum + counters.open, 0);
    const held = counted.reduce((sum, { counters }) => sum + counters.held, 0);
    this.#drainUntil = new Date(Date.now() + drainMs).toISOString();
    log.info('tunnel.stopping', { signal, sessions, held, drainMs });
    const reloaded = this.#reload.end();
    this.#admin.end();
    // 1 the tunnel is not ready any more and opens no listener, 2 listeners close and waiting clients are refused, 3 the drain deadline starts
    const drained = this.#tunnels.drain();
    // 4 sessions finish, or the deadline or a second signal comes first
    await within(drainMs, drained, this.#cutting.signal);
    const left = this.#tunnels.countConnected();
    const outcome: StopOutcome = left === 0 ? 'drained' : 'cut';
    // 5 what is left is cut, 6 the watches close, 7 the engine closes, 8 the admin listener closes
    await this.close();
    await drained;
    await within(mostReloadMs, reloaded); // it still reports its result, unless its file cannot be read
    log.info('tunnel.stopped', { outcome, left });
    return outcome;
  }

  /** Cuts the remaining sessions and closes everything: the end of a stop or of a failed start. */
  async close(): Promise<void> {
    await this.#tunnels.close();
    this.#parts.sentinels.close();
    await this.#parts.engine.close();
    await this.#admin.close();
    this.#parts.leaveNames();
    this.#parts.rateLimit.close();
  }

  #overview(): Overview {
    const { engine, sentinels, feed } = this.#parts;
    const logState = this.#surroundings.logState?.();
    return {
      version,
      engine: engine.name,
      threads: engine.name === 'streams' ? 0 : this.#reload.config.threads,
      lags: engine.lags(),
      descriptors: this.#parts.limit.budget,
      isDraining: this.#stop !== undefined,
      drainUntil: this.#drainUntil,
      startedAt: this.#startedAt,
      uptimeMs: this.#uptimeMs(),
      configFile: this.#surroundings.configFile,
      logTrouble: logState?.trouble,
      logDropped: logState?.dropped ?? 0,
      tunnels: this.#tunnels.overviews(),
      sentinels: sentinels.views(),
      lastEventId: feed.latestId,
    };
  }

  #uptimeMs(): number {
    return performance.now() - this.#startedMs;
  }

  #adminCallbacks(): AdminCallbacks {
    const tunnels = this.#tunnels;
    return {
      feed: this.#parts.feed,
      overview: () => this.#overview(),
      readings: () => ({ uptimeMs: this.#uptimeMs(), databases: tunnels.readings() }),
      records: () => tunnels.records(),
      alive: (withinMs) => this.alive(withinMs),
      actions: {
        hold: (name, ms) => tunnels.named(name).hold(ms, 'held by an operator'),
        release: (name) => tunnels.named(name).release(),
        cut: (name) => tunnels.named(name).cut(),
        failover: (name, isForced) => tunnels.named(name).failOver(isForced),
        graceful: (name, waits) => tunnels.named(name).failOverGracefully(waits),
      },
      reload: this.#surroundings.read && (async () => (await this.reload()).map(changeLine)),
    };
  }
}
