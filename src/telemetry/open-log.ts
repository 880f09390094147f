import { pino } from 'pino';
import { escapedJson } from '../printable.ts';
import { within } from '../lifecycle/within.ts';
import type { EventName } from './events.ts';
import { LineSink } from './line-sink.ts';
import { type Fields, type Log, type LogLevel, logLevels, withoutSecrets } from './log.ts';
import { openLogFile, unwritable, type Outlet } from './outlet.ts';
import { journalLines, prettyLine } from './pretty.ts';

export interface LogOptions {
  readonly level: LogLevel;
  /** `auto`: pretty on a terminal, sentences with priorities in the journal, JSON otherwise. */
  readonly format: 'auto' | 'json' | 'pretty';
  /** A path, or `-` for standard output. */
  readonly file: string;
}

/** Standard output, and what is known of it. */
export interface StandardOutput {
  /** Opens the way by which the log goes there. */
  outlet(): Outlet;
  readonly isTerminal: boolean;
  /** Whether the journal of systemd reads it. */
  readonly isJournal?: boolean;
  /** Whether colours are welcome on it. */
  readonly isColoured: boolean;
}

export interface OpenLog {
  readonly log: Log;
  /** Why lines are not written, such as a full disk; `undefined` while they are. */
  readonly trouble: string | undefined;
  /** How many lines were dropped. */
  readonly dropped: number;
  /**
   * Reopens the log file after a rotation. Does nothing for standard output.
   *
   * @throws TunnelError `ST_LOG_UNWRITABLE`; the log keeps the old file then
   */
  reopen(): Promise<void>;
  /**
   * Applies other options.
   *
   * @throws TunnelError `ST_LOG_UNWRITABLE` when another file cannot be opened; nothing changes then
   */
  adjust(options: LogOptions): Promise<void>;
  /** Writes the last lines, within a second. Later events are discarded. */
  close(): Promise<void>;
}

/** Deadline for opening a file, in milliseconds. */
const openMs = 2_000;
/** Deadline for writing the last lines, in milliseconds. */
const closeMs = 1_000;

/**
 * Opens the log.
 *
 * @param troubled called with a sentence when lines cannot be written, because the log itself cannot report it
 * @throws TunnelError `ST_LOG_UNWRITABLE` when the file cannot be opened
 */
export async function openLog(
  options: LogOptions,
  standardOutput: StandardOutput,
  troubled: (text: string) => void = () => undefined,
): Promise<OpenLog> {
  let { file } = options;
  const opener = new Opener(standardOutput);
  const sink = new LineSink(await opener.open(file), {
    troubled: (why) => {
      const what = file === '-' ? 'log to standard output' : `log "${file}"`;
      troubled(`Cannot write ${what}: ${why}; log lines are dropped until it works again`);
    },
    resumed: (count, reason) => {
      present.warn('log.dropped', { count, reason });
    },
  });
  const write = (line: string): void => {
    sink.add(line);
  };
  let present = formatted(options, standardOutput, write);
  let changing: Promise<unknown> = Promise.resolve();
  async function switchTo(next: string): Promise<void> {
    // A write that does not end occupies one of the few threads of the pool that files share.
    await sink.previous(openMs);
    if (sink.isPreviousBusy) throw unwritable(next, 'a write to the previous log file has not ended');
    sink.redirect(await opener.open(next));
  }
  /** Runs one change after another, in order. */
  function change(run: () => Promise<void>): Promise<void> {
    const changed = changing.then(run);
    changing = changed.catch(() => undefined);
    return changed;
  }
  return {
    log: {
      get isDebugging() {
        return present.isDebugging;
      },
      debug: (event, fields) => {
        present.debug(event, fields);
      },
      info: (event, fields) => {
        present.info(event, fields);
      },
      warn: (event, fields) => {
        present.warn(event, fields);
      },
      error: (event, fields) => {
        present.error(event, fields);
      },
    },
    get trouble() {
      return sink.trouble;
    },
    get dropped() {
      return sink.dropped;
    },
    reopen: () =>
      change(async () => {
        if (file !== '-') await switchTo(file);
      }),
    adjust: (changed) =>
      change(async () => {
        if (changed.file !== file) await switchTo(changed.file);
        file = changed.file;
        present = formatted(changed, standardOutput, write);
      }),
    close: () => sink.close(closeMs),
  };
}

/** Opens outlets, and gives up after a deadline. Only one opening may be overdue at a time. */
class Opener {
  readonly #standardOutput: StandardOutput;
  #late: Promise<Outlet> | undefined;

  constructor(standardOutput: StandardOutput) {
    this.#standardOutput = standardOutput;
  }

  /** @throws TunnelError `ST_LOG_UNWRITABLE` */
  async open(file: string): Promise<Outlet> {
    if (file === '-') return this.#standardOutput.outlet();
    if (this.#late) throw unwritable(file, 'another log file is still being opened');
    const opening = openLogFile(file);
    const opened: Outlet[] = [];
    await within(
      openMs,
      opening.then((outlet) => opened.push(outlet)),
    );
    const [inTime] = opened;
    if (inTime) return inTime;
    this.#late = opening;
    const forget = (): void => {
      this.#late = undefined;
    };
    opening.then((outlet) => {
      outlet.close();
      forget();
    }, forget);
    throw unwritable(file, `it could not be opened within ${String(openMs)} ms`);
  }
}

function formatted(options: LogOptions, standardOutput: StandardOutput, write: (line: string) => void): Log {
  const isStandard = options.file === '-';
  const isPretty =
    options.format === 'pretty' || (options.format === 'auto' && isStandard && standardOutput.isTerminal);
  const isJournal = options.format === 'auto' && isStandard && standardOutput.isJournal === true;
  if (isJournal) return journalLog(options.level, write);
  if (isPretty) return prettyLog(options.level, isStandard && standardOutput.isColoured, write);
  return jsonLog(options.level, write);
}

/** `{"level":"info","time":"2026-01-31T12:00:00.000Z","event":"master.serving",…}` */
function jsonLog(level: LogLevel, write: (line: string) => void): Log {
  const logger = pino(
    {
      level,
      base: null,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      formatters: { level: (label) => ({ level: label }) },
    },
    {
      write: (line: string) => {
        write(escapedJson(line));
      },
    },
  );
  return logOf(level, (at, event, fields) => {
    logger[at]({ event, ...withoutSecrets(fields) });
  });
}

/** The journal stores time and level itself. */
function journalLog(level: LogLevel, write: (line: string) => void): Log {
  const least = logLevels.indexOf(level);
  return logOf(level, (at, event, fields) => {
    if (logLevels.indexOf(at) >= least) write(journalLines(at, event, withoutSecrets(fields)));
  });
}

function prettyLog(level: LogLevel, isColoured: boolean, write: (line: string) => void): Log {
  const least = logLevels.indexOf(level);
  return logOf(level, (at, event, fields) => {
    if (logLevels.indexOf(at) < least) return;
    write(prettyLine(new Date(), at, event, withoutSecrets(fields), isColoured));
  });
}

function logOf(least: LogLevel, add: (level: LogLevel, event: EventName, fields: Fields) => void): Log {
  return {
    isDebugging: least === 'debug',
    debug: (event, fields = {}) => {
      add('debug', event, fields);
    },
    info: (event, fields = {}) => {
      add('info', event, fields);
    },
    warn: (event, fields = {}) => {
      add('warn', event, fields);
    },
    error: (event, fields = {}) => {
      add('error', event, fields);
    },
  };
}
