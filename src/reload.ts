import { isDeepStrictEqual } from 'node:util';
import type { AdminListener } from './admin/listener.ts';
import type { Config, LogConfig } from './config/types.ts';
import { changeLine, diffConfigs, type Change } from './config/diff.ts';
import { messageOf, TunnelError } from './errors.ts';
import { Latest } from './lifecycle/latest.ts';
import type { ConnectionLimit } from './descriptor-budget.ts';
import type { Sentinels } from './sentinel/members/sentinels.ts';
import type { Log } from './telemetry/log.ts';
import type { Tunnels } from './tunnel/tunnels.ts';

/** Where another configuration comes from, and what follows it outside the daemon. */
export interface ConfigSource {
  /** Reads the configuration anew from where it came from. Without it only one that is given can be reloaded. */
  readonly read?: () => Promise<Config>;
  /**
   * Takes over another configuration of the log. Without it the log stays as it is.
   *
   * @throws TunnelError `ST_LOG_UNWRITABLE`; the log and everything else stay as they are then
   */
  readonly adjustLog?: (log: LogConfig) => Promise<void>;
}

/** All that a configuration is about. */
export interface Configured {
  readonly limit: ConnectionLimit;
  readonly sentinels: Sentinels;
  readonly tunnels: Tunnels;
  readonly admin: AdminListener;
}

/** Changes that the log names one by one. */
const mostLines = 100;

/** Holds the configuration that is in force, and goes over to another one, what does not differ being left alone. */
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

  /** The configuration in force. */
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

  /** Refuses every reload from now on: all is coming to an end. Resolves when the one that is going on has ended. */
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
    throw new TunnelError('ST_USAGE', 'Cannot read the configuration anew: it came from no file');
  }

  async #apply(next: Config): Promise<readonly Change[]> {
    const before = this.#config;
    const changes = diffConfigs(before, next);
    if (changes.length === 0) {
      this.#log.info('config.reloaded', { changes: 0 });
      return changes;
    }
    // First, for it alone may fail: then nothing has changed.
    if (!isDeepStrictEqual(before.log, next.log)) {
      await this.#source.adjustLog?.(next.log);
      this.#assertRunning(); // a log file may take its time to be opened
    }
    // What only a restart changes stays what it is, and is said again by the next reload.
    this.#config = { ...next, engine: before.engine, threads: before.threads };
    const { limit, sentinels, tunnels, admin } = this.#configured;
    limit.apply(next);
    sentinels.adjust(next.sentinels, next.sentinel, next.addressMap);
    await tunnels.adjust(next.databases, next.drainMs);
    if (!isDeepStrictEqual(before.admin, next.admin)) admin.change(next.admin);
    const lines = changes.map(changeLine);
    const left = lines.length - mostLines;
    const told = left > 0 ? [...lines.slice(0, mostLines), `and ${String(left)} more`] : lines;
    this.#log.info('config.reloaded', { changes: changes.length, lines: told });
    return changes;
  }
}
