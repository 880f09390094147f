import { readPage } from './admin/page.ts';
import type { AdminPort, Overview } from './admin/port.ts';
import { AdminServer } from './admin/server.ts';
import type { Config } from './config/config.ts';
import { messageOf, TunnelError } from './errors.ts';
import { Backoff } from './lifecycle/backoff.ts';
import { sleep } from './lifecycle/sleep.ts';
import { formatListenAddress, type ListenAddress } from './net/endpoint.ts';
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
}

/** `drained`: every session had ended by itself. `cut`: the deadline passed, or `cut()` was called, with sessions left. */
export type StopOutcome = 'drained' | 'cut';

const firstBindRetryMs = 500;
const mostBindRetryMs = 10_000;

/**
 * Starts everything: engine, Sentinels, one tunnel per database. Needs no Sentinel to be up. An address that cannot be
 * listened on is tried again and again, so that one port in use does not take the other databases down with it.
 *
 * @throws TunnelError `ST_LISTEN_FAILED` where not one database could be listened for; nothing is left running then
 */
export async function startDaemon(
  config: Config,
  given: Log,
  surroundings: Surroundings = {},
): Promise<Daemon> {
  const feed = new EventFeed();
  const log = feed.tee(given);
  for (const warning of config.warnings) log.warn('config.warning', { warning });
  const engine = await chooseEngine(config.engine, config.threads, log);
  engine.limit(config.maxConnections);
  warnOfShortage(config, log);
  const sentinels = new Sentinels(config.sentinels, config.sentinel, log);
  const tunnels = config.databases.map((database) => new Tunnel(database, sentinels, log));
  const daemon = new RunningDaemon(config, log, engine, sentinels, tunnels, feed, surroundings);
  const failures = await daemon.open();
  if (failures.length === tunnels.length) {
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

class RunningDaemon implements Daemon, AdminPort {
  readonly feed: EventFeed;
  readonly reload = undefined;
  readonly #config: Config;
  readonly #log: Log;
  readonly #engine: Engine;
  readonly #sentinels: Sentinels;
  readonly #tunnels: readonly Tunnel[];
  readonly #stopping = new AbortController();
  readonly #cutting = new AbortController();
  readonly #retries = new Set<Promise<void>>();
  readonly #surroundings: Surroundings;
  readonly #startedMs = performance.now();
  readonly #startedAt = new Date().toISOString();
  #admin: AdminServer | undefined;
  #stop: Promise<StopOutcome> | undefined;

  constructor(
    config: Config,
    log: Log,
    engine: Engine,
    sentinels: Sentinels,
    tunnels: readonly Tunnel[],
    feed: EventFeed,
    surroundings: Surroundings,
  ) {
    this.feed = feed;
    this.#surroundings = surroundings;
    this.#config = config;
    this.#log = log;
    this.#engine = engine;
    this.#sentinels = sentinels;
    this.#tunnels = tunnels;
  }

  /** Opens every tunnel; those that cannot be opened are tried again in the background. Gives what went wrong. */
  async open(): Promise<readonly TunnelError[]> {
    if (this.#config.admin) this.#admin = new AdminServer(this.#config.admin, this, readPage(), this.#log);
    const results = await Promise.allSettled(this.#tunnels.map((tunnel) => tunnel.open(this.#engine)));
    return results.flatMap((result, index) => {
      const tunnel = this.#tunnels[index];
      if (result.status === 'fulfilled' || !tunnel) return [];
      this.#logFailure(tunnel, result.reason);
      const retry: Promise<void> = this.#retryOpen(tunnel, result.reason).finally(() =>
        this.#retries.delete(retry),
      );
      this.#retries.add(retry);
      const text = `${tunnel.database.name}: ${messageOf(result.reason)}`;
      return [new TunnelError('ST_LISTEN_FAILED', text, { cause: result.reason })];
    });
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

  overview(): Overview {
    return {
      version,
      engine: this.#engine.name,
      threads: this.#engine.name === 'epoll' ? this.#config.threads : 0,
      isDraining: this.#stopping.signal.aborted,
      startedAt: this.#startedAt,
      uptimeMs: performance.now() - this.#startedMs,
      configFile: this.#surroundings.configFile,
      tunnels: this.#tunnels.map((tunnel) => tunnel.overview()),
      sentinels: this.#sentinels.views(),
      lastEventId: this.feed.latestId,
    };
  }

  alive(withinMs: number): Promise<readonly string[]> {
    return this.#engine.alive(withinMs);
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
    this.#stopping.abort();
    await Promise.all(this.#retries);
    await this.#close();
  }

  /** The steps are those of `docs/operations.md`, in the same order. */
  async #shutDown(signal: string): Promise<StopOutcome> {
    const { drainMs } = this.#config;
    const counted = this.counters();
    const sessions = counted.reduce((sum, { counters }) => sum + counters.open, 0);
    const held = counted.reduce((sum, { counters }) => sum + counters.held, 0);
    this.#log.info('tunnel.stopping', { signal, sessions, held, drainMs });
    // 1 the tunnel is not ready any more and opens no listener, 2 listeners close and waiting clients are refused, 3 the drain deadline starts
    this.#stopping.abort();
    const drained = Promise.all([...this.#tunnels.map((tunnel) => tunnel.drain()), ...this.#retries]);
    // 4 sessions finish, or the deadline or a second signal comes first
    await Promise.race([drained, this.#patience(drainMs)]);
    const left = this.#openSessions();
    const outcome: StopOutcome = left === 0 ? 'drained' : 'cut';
    // 5 what is left is cut, 6 the watches close, 7 the engine closes, 8 the admin listener closes
    await this.#close();
    await drained;
    this.#log.info('tunnel.stopped', { outcome, left });
    return outcome;
  }

  async #close(): Promise<void> {
    await Promise.all(this.#tunnels.map((tunnel) => tunnel.close()));
    this.#sentinels.close();
    await this.#engine.close();
    await this.#admin?.close();
  }

  /** Resolves after `ms`, or at once when the rest is to be cut. */
  #patience(ms: number): Promise<void> {
    return new Promise((resolve) => {
      const enough = (): void => {
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(enough, ms);
      timer.unref(); // the drain may well be over first, and then nothing waits for this
      if (this.#cutting.signal.aborted) enough();
      else this.#cutting.signal.addEventListener('abort', enough, { once: true });
    });
  }

  #openSessions(): number {
    return this.counters().reduce((sum, { counters }) => sum + counters.open + counters.held, 0);
  }

  async #retryOpen(tunnel: Tunnel, failure: unknown): Promise<void> {
    const backoff = new Backoff(firstBindRetryMs, mostBindRetryMs);
    const { signal } = this.#stopping;
    let told = messageOf(failure);
    for (;;) {
      try {
        await sleep(backoff.next(), signal);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      try {
        await tunnel.open(this.#engine);
        return;
      } catch (error) {
        // An operator does not need the same line every ten seconds.
        if (messageOf(error) !== told) this.#logFailure(tunnel, error);
        told = messageOf(error);
      }
    }
  }

  #logFailure(tunnel: Tunnel, error: unknown): void {
    const { name, listen } = tunnel.database;
    const address = listen.map(({ address: each }) => formatListenAddress(each)).join(', ');
    this.#log.error('listener.failed', { database: name, address, reason: messageOf(error) });
  }
}
