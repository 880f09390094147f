import { fstatSync } from 'node:fs';
import { printableLines } from '../printable.ts';
import { terminalOf, type Terminal } from './terminal.ts';
import type { StandardOutput } from '../telemetry/open-log.ts';

/** The process as a command sees it. Tests may pass their own. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  /** Takes a variable away, so that children do not inherit it. */
  unsetEnv(name: string): void;
  readonly stdout: HostOutput;
  readonly stderr: { write(text: string): void };
  /** `undefined` where either end is something else. */
  readonly terminal: Terminal | undefined;
  /** @returns what stops listening */
  onSignal(signal: Signal, then: () => void): () => void;
}

/** What a reader of our output may leave unread before lines are dropped, beyond what the kernel holds for it. */
const mostUnreadBytes = 1024 * 1024;

export interface HostOutput extends StandardOutput {
  readonly columns: number;
  /** Calls back when its reader has gone. @returns what stops listening */
  onGone(then: () => void): () => void;
}

export type Signal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';

export function hostOf(self: NodeJS.Process): Host {
  const { stdout, stderr, env } = self;
  // Whoever reads our output may leave; that must end neither a tunnel nor a `--help | head`.
  stdout.on('error', () => undefined);
  stderr.on('error', () => undefined);
  const isTerminal = stdout.isTTY;
  return {
    env,
    pid: self.pid,
    unsetEnv: (name) => {
      Reflect.deleteProperty(env, name);
    },
    stdout: {
      write: (text) => void stdout.write(text),
      get isBehind() {
        return stdout.writableLength > mostUnreadBytes;
      },
      isTerminal,
      // https://no-color.org: present and not empty.
      isColoured: isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
      isJournal: isJournal(env['JOURNAL_STREAM']),
      columns: isTerminal ? stdout.columns : 100,
      onGone: (then) => {
        stdout.on('error', then);
        return () => {
          stdout.off('error', then);
        };
      },
    },
    // Messages alone go there, and each may quote what came from outside.
    stderr: { write: (text) => void stderr.write(printableLines(text)) },
    // `stdin` is only touched where it is asked for: it opens what stands behind it.
    get terminal() {
      return isTerminal && self.stdin.isTTY && env['TERM'] !== 'dumb' ? terminalOf(self) : undefined;
    },
    onSignal: (signal, then) => {
      self.on(signal, then);
      return () => {
        self.off(signal, then);
      };
    },
  };
}

/** Whether standard output is the journal's stream: its device and inode are given (systemd.exec(5), $JOURNAL_STREAM). */
function isJournal(stream: string | undefined): boolean {
  if (stream === undefined) return false;
  try {
    const { dev, ino } = fstatSync(1);
    return stream === `${String(dev)}:${String(ino)}`;
  } catch {
    return false; // it is closed
  }
}
