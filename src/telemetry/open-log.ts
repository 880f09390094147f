import { pino } from 'pino';
import { escapedJson } from '../printable.ts';
import type { EventName } from './events.ts';
import { FileSink } from './file-sink.ts';
import { type Fields, type Log, type LogLevel, logLevels, withoutSecrets } from './log.ts';
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
  write(text: string): void;
  /** Whether its reader is so far behind that more would only fill memory. */
  readonly isBehind?: boolean;
  readonly isTerminal: boolean;
  /** Whether the journal of systemd reads it. */
  readonly isJournal?: boolean;
  /** Whether colours are welcome on it. */
  readonly isColoured: boolean;
}

export interface OpenLog {
  readonly log: Log;
  /** Why the last line could not be written, such as a full disk; `undefined` where it was. */
  readonly trouble: string | undefined;
  /**
   * Opens a log file anew, for those who rotate it. Nothing to do for standard output.
   *
   * @throws TunnelError `ST_LOG_UNWRITABLE`; the old file is written on then
   */
  reopen(): void;
  /**
   * Goes on with other options.
   *
   * @throws TunnelError `ST_LOG_UNWRITABLE` where another file cannot be opened; everything stays as it was then
   */
  adjust(options: LogOptions): void;
  /** Nothing may be logged after it. */
  close(): void;
}

/**
 * @param troubled told once when lines cannot be written any more, in a sentence; there is no log to tell it
 * @throws TunnelError `ST_LOG_UNWRITABLE` where the file cannot be opened
 */
export function openLog(
  options: LogOptions,
  standardOutput: StandardOutput,
  troubled: (text: string) => void = () => undefined,
): OpenLog {
  let trouble: string | undefined;
  const written = (why: string | undefined): void => {
    if (why !== undefined && trouble === undefined)
      troubled(`Cannot write log "${file}": ${why}; lines are lost until it can be written again`);
    trouble = why;
  };
  let present = openTarget(options, standardOutput, written);
  let file = options.file;
  return {
    log: {
      get isDebugging() {
        return present.log.isDebugging;
      },
      debug: (event, fields) => {
        present.log.debug(event, fields);
      },
      info: (event, fields) => {
        present.log.info(event, fields);
      },
      warn: (event, fields) => {
        present.log.warn(event, fields);
      },
      error: (event, fields) => {
        present.log.error(event, fields);
      },
    },
    get trouble() {
      return trouble;
    },
    reopen: () => {
      present.sink?.reopen();
    },
    adjust: (changed) => {
      const before = present;
      const isSameFile = changed.file === file;
      present = openTarget(changed, standardOutput, written, isSameFile ? before.sink : undefined);
      if (!isSameFile) before.sink?.close();
      file = changed.file;
    },
    close: () => {
      present.sink?.close();
    },
  };
}

/**
 * @param written is told of every line why it could not be written to its file, or `undefined`
 * @param open the file's sink, where it is open already
 */
function openTarget(
  options: LogOptions,
  standardOutput: StandardOutput,
  written: (why: string | undefined) => void,
  open?: FileSink,
): { readonly log: Log; readonly sink: FileSink | undefined } {
  const isStandard = options.file === '-';
  const sink = isStandard ? undefined : (open ?? new FileSink(options.file));
  let dropped = 0;
  let reason = 'nobody read them';
  const write = (line: string): void => {
    if (!sink && standardOutput.isBehind === true) {
      dropped += 1;
      return;
    }
    if (sink) {
      const why = sink.write(line);
      written(why);
      if (why !== undefined) {
        dropped += 1;
        reason = why;
        return;
      }
    } else standardOutput.write(line);
    if (dropped === 0) return;
    const count = dropped;
    dropped = 0;
    log.warn('log.dropped', { count, reason });
  };
  const isPretty =
    options.format === 'pretty' || (options.format === 'auto' && isStandard && standardOutput.isTerminal);
  const isJournal = options.format === 'auto' && isStandard && standardOutput.isJournal === true;
  const log = isJournal
    ? journalLog(options.level, write)
    : isPretty
      ? prettyLog(options.level, isStandard && standardOutput.isColoured, write)
      : jsonLog(options.level, write);
  return { log, sink };
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

/** The journal keeps time and level by itself. */
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
