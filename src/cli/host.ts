import { fstatSync } from 'node:fs';
import { printableLines } from '../printable.ts';
import { inspect } from 'node:util';
import { terminalOf, type Terminal } from './terminal.ts';
import type { StandardOutput } from '../telemetry/open-log.ts';
import { standardOutlet, type Outlet } from '../telemetry/outlet.ts';
import { exitCodes } from './exit-codes.ts';

/** The process as a command sees it. Tests may pass their own. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly pid: number;
  /** Takes a variable away, so that children do not inherit it. */
  unsetEnv(name: string): void;
  readonly stdout: HostOutput;
  readonly stderr: {
    /** Waits for a terminal or a file. */
    write(text: string): void;
    /** Opens a way there by which nobody waits. */
    outlet(): Outlet;
  };
  /** `undefined` where either end is something else. */
  readonly terminal: Terminal | undefined;
  /** @returns what stops listening */
  onSignal(signal: Signal, then: () => void): () => void;
  /**
   * Gives what Node would print of a defect, and of what it warns of, to whoever writes it without waiting for standard error.
   *
   * @param crashed is told of a defect; the process ends when that has resolved
   * @returns what leaves it to Node again
   */
  onComplaint(warned: (text: string) => void, crashed: (text: string) => Promise<void>): () => void;
}

/** What a reader of our output may leave unread before lines are dropped, beyond what the kernel holds for it. */
const mostUnreadBytes = 1024 * 1024;

export interface HostOutput extends StandardOutput {
  /** Waits for a terminal or a file. */
  write(text: string): void;
  /** Whether its reader is so far behind that more would only fill memory. */
  readonly isBehind: boolean;
  readonly columns: number;
  /** Calls back when its reader has gone. @returns what stops listening */
  onGone(then: () => void): () => void;
}

export type Signal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';

export function hostOf(self: NodeJS.Process): Host {
  const { stdout, stderr, env } = self;
  // The reader of our output may leave; that must end neither a tunnel nor a `--help | head`.
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
      outlet: () => standardOutlet(stdout),
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
    stderr: {
      write: (text) => void stderr.write(printableLines(text)),
      outlet: () => standardOutlet(stderr),
    },
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
    onComplaint: (warned, crashed) => {
      const ofNode = self.listeners('warning');
      for (const listener of ofNode) self.off('warning', listener);
      const warn = (warning: Error): void => {
        warned(`sentinel-tunnel: ${inspect(warning)}\n`);
      };
      const crash = (error: unknown): void => {
        void crashed(`${inspect(error)}\n\nNode.js ${self.version}\n`).finally(() => {
          leave(self, exitCodes.failed);
        });
      };
      self.on('warning', warn);
      self.on('uncaughtException', crash);
      return () => {
        self.off('warning', warn);
        self.off('uncaughtException', crash);
        for (const listener of ofNode) self.on('warning', listener);
      };
    },
  };
}

/** How often it is looked whether the thread pool has come to its end, in milliseconds. */
const lookMs = 50;

/**
 * Ends the process. Node waits at its end for what its thread pool does, which may be a write to a terminal or a disk that does not
 * come to an end: then only the kernel can end it.
 */
export function leave(self: NodeJS.Process, exitCode?: number, looks = 10): void {
  const isWaiting = self.getActiveResourcesInfo().some((name) => name.startsWith('FSReq'));
  if (!isWaiting) self.exit(exitCode);
  if (looks === 0) self.kill(self.pid, 'SIGKILL');
  else setTimeout(leave, lookMs, self, exitCode, looks - 1); // most of them end in microseconds
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
