import type { Daemon } from '../daemon.ts';
import { messageOf } from '../errors.ts';
import { formatEndpoint } from '../net/endpoint.ts';
import { printable } from '../printable.ts';
import type { MasterView } from '../sentinel/decision/view.ts';
import type { Log } from '../telemetry/log.ts';
import type { Host } from './host.ts';
import { openNotify, type Notify } from '../os/notify-socket.ts';

/** What a stop may take beside the drain, in milliseconds. */
const partingMs = 5_000;
/** Changes that come together make one status, in milliseconds. */
const statusMs = 200;
const longestStatus = 400;

/**
 * Tells systemd how the service does, by the protocol of sd_notify(3). Where nobody listens it does nothing. What cannot be told is
 * logged once, and stops nothing.
 */
export class Supervisor {
  readonly #notify: Notify | undefined;
  readonly #log: Log;
  readonly #watchdogMs: number | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #status: NodeJS.Timeout | undefined;
  #told = '';
  #hasFailed = false;
  #daemon: Daemon | undefined;

  /** Reads `NOTIFY_SOCKET`, `WATCHDOG_USEC` and `WATCHDOG_PID`. */
  static async open(host: Host, log: Log): Promise<Supervisor> {
    const address = host.env['NOTIFY_SOCKET'] ?? '';
    const notify = address === '' ? undefined : await openNotify(address, host.pid);
    const isOurs = [undefined, String(host.pid)].includes(host.env['WATCHDOG_PID']);
    const everyMs = Number(host.env['WATCHDOG_USEC']) / 1000;
    // Children are not to speak for us.
    for (const name of ['NOTIFY_SOCKET', 'WATCHDOG_USEC', 'WATCHDOG_PID']) host.unsetEnv(name);
    return new Supervisor(notify, log, isOurs && everyMs > 0 ? everyMs : undefined);
  }

  private constructor(notify: Notify | undefined, log: Log, watchdogMs: number | undefined) {
    this.#notify = notify;
    this.#log = log;
    this.#watchdogMs = watchdogMs;
  }

  /** The log, which also tells when the status may have changed. */
  watching(log: Log): Log {
    if (!this.#notify) return log;
    const changed = (): void => {
      this.#changed();
    };
    return {
      get isDebugging() {
        return log.isDebugging;
      },
      debug: (event, fields) => {
        log.debug(event, fields);
      },
      info: (event, fields) => {
        log.info(event, fields);
        changed();
      },
      warn: (event, fields) => {
        log.warn(event, fields);
        changed();
      },
      error: (event, fields) => {
        log.error(event, fields);
        changed();
      },
    };
  }

  /** The listeners are open. */
  ready(daemon: Daemon): void {
    this.#daemon = daemon;
    this.#told = statusOf(daemon.views());
    this.#tell('READY=1', `STATUS=${this.#told}`);
    if (!this.#notify || this.#watchdogMs === undefined) return;
    // Half of the time, as sd_watchdog_enabled(3) advises; those that carry bytes have as long to answer.
    const everyMs = this.#watchdogMs / 2;
    this.#watchdog = setInterval(() => void this.#pat(daemon, everyMs), everyMs);
  }

  /** Runs a reload, and tells of its beginning and its end. */
  async reload(run: () => Promise<unknown>): Promise<void> {
    // The clock of CLOCK_MONOTONIC, which is that of `hrtime` on Linux.
    this.#tell('RELOADING=1', `MONOTONIC_USEC=${String(process.hrtime.bigint() / 1000n)}`);
    try {
      await run();
    } finally {
      this.#tell('READY=1');
    }
  }

  /** A stop has begun, which may take as long as the drain. */
  stopping(drainMs: number): void {
    clearTimeout(this.#status);
    this.#daemon = undefined;
    const usec = (drainMs + partingMs) * 1000;
    this.#tell('STOPPING=1', `EXTEND_TIMEOUT_USEC=${String(usec)}`, 'STATUS=Draining');
  }

  close(): void {
    clearInterval(this.#watchdog);
    clearTimeout(this.#status);
    this.#daemon = undefined;
  }

  async #pat(daemon: Daemon, withinMs: number): Promise<void> {
    const silent = await daemon.alive(withinMs);
    if (silent.length === 0) this.#tell('WATCHDOG=1');
  }

  #changed(): void {
    if (!this.#daemon) return;
    this.#status ??= setTimeout(() => {
      this.#status = undefined;
      const status = this.#daemon ? statusOf(this.#daemon.views()) : this.#told;
      if (status === this.#told) return;
      this.#told = status;
      this.#tell(`STATUS=${status}`);
    }, statusMs);
  }

  #tell(...assignments: readonly string[]): void {
    this.#notify?.(assignments).catch((error: unknown) => {
      if (this.#hasFailed) return;
      this.#hasFailed = true;
      this.#log.warn('systemd.notify-failed', { reason: messageOf(error) });
    });
  }
}

/** `mymaster at 10.0.0.1:6379; other: fenced`, on one line. */
function statusOf(views: readonly MasterView[]): string {
  const parts = views.map(({ name, phase }) =>
    phase.kind === 'serving' ? `${name} at ${formatEndpoint(phase.endpoint)}` : `${name}: ${phase.kind}`,
  );
  const text = printable(`Serving ${parts.join('; ')}`);
  return text.length > longestStatus ? `${text.slice(0, longestStatus)}…` : text;
}
