import { isDeepStrictEqual } from 'node:util';
import type { AdminListener } from './admin/listener.ts';
import type { Config, LogConfig } from './config/types.ts';
import { changeLine, diffConfigs, type Change } from './config/diff.ts';
import { messageOf, TunnelError } from './errors.ts';
import { Latest } from './lifecycle/latest.ts';
import type { ConnectionLimit } from './connection-limit.ts';
import type { Sentinels } from './sentinel/members/sentinels.ts';
import type { Log } from './telemetry/log.ts';
import type { Tunnels } from './tunnel/tunnels.ts';

/** Where a new configuration comes from, and how the log follows it. */
export interface ConfigSource {
  /** Reads the configuration again. Without it, only a given configuration can be applied. */
  readonly read?: () => Promise<Config>;
  /**
   * Applies another configuration of the log. Without it, the log does not change.
   *
   * @throws TunnelError `ST_LOG_UNWRITABLE`; nothing changes then
   */
  readonly adjustLog?: (log: LogConfig) => Promise<void>;
}

/** The parts that a configuration applies to. */
export interface Configured {
  readonly limit: ConnectionLimit;
  readonly sentinels: Sentinels;
  readonly tunnels: Tunnels;
  readonly admin: AdminListener;
}

/** How many changes the log lists one by one. */
const mostLines = 100;

/** Holds the present configuration and applies another one, without touching what does not differ. */
export class Reload {
  readonly #configured: Configured;
  readonly #source: ConfigSource;
  readonly #log: Log;
  readonly #latest = new Latest<readonly Change[]>();
  #config: Config;
  #isOver = false;

  constructor(config: Config, configured: Configured, source: ConfigSource, log: Log) {
    this.#config = config;
    this.#configured = configured;
    this.#source = source;
    this.#log = log;
  }

  /** The present configuration. */
  get config(): Config {
    return this.#config;
  }

  /** See `Daemon.reload`. */
  run(config?: Config): Promise<readonly Change[]> {
    return this.#latest.run(async () => {
      try {
        this.#assertRunning();
        const next = config ?? (await this.#read());
        this.#assertRunning();
        return await this.#apply(next);
      } catch (error) {
        const [reason = '', ...problems] = messageOf(error)
          .split('\n')
          .map((line) => line.trim());
        this.#log.error('config.reload-failed', { reason, ...(problems.length > 0 && { problems }) });
        throw error;
      }
    });
  }

  /** Refuses every reload from now on, because the daemon stops. Resolves when a running reload has ended. */
  async end(): Promise<void> {
    this.#isOver = true;
    await this.#latest.idle();
  }

  #assertRunning(): void {
    if (this.#isOver) throw new TunnelError('ST_CLOSED', 'Cannot reload: the tunnel is stopping');
  }

  #read(): Promise<Config> {
    const { read } = this.#source;
    if (read) return read();
    throw new TunnelError('ST_USAGE', 'Cannot reload: there is no configuration file');
  }

  async #apply(next: Config): Promise<readonly Change[]> {
    const before = this.#config;
    const changes = diffConfigs(before, next);
    if (changes.length === 0) {
      this.#log.info('config.reloaded', { changes: 0 });
      return changes;
    }
    // First, because only this may fail: then nothing has changed.
    if (!isDeepStrictEqual(before.log, next.log)) {
      await this.#source.adjustLog?.(next.log);
      this.#assertRunning(); // opening a log file may take seconds
    }
    // Keys that need a restart keep their old values, so the next reload reports them again.
    this.#config = { ...next, engine: before.engine, threads: before.threads };
    const { limit, sentinels, tunnels, admin } = this.#configured;
    limit.apply(next);
    sentinels.adjust(next.sentinels, next.sentinel, next.addressMap);
    await tunnels.adjust(next.databases, next.drainMs);
    if (!isDeepStrictEqual(before.admin, next.admin)) admin.change(next.admin);
    const lines = changes.map(changeLine);
    const left = lines.length - mostLines;
    const logged = left > 0 ? [...lines.slice(0, mostLines), `and ${String(left)} more`] : lines;
    this.#log.info('config.reloaded', { changes: changes.length, lines: logged });
    return changes;
  }
}
