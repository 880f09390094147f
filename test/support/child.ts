import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';

export interface Exit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface ChildOptions {
  /** What it is called in reports. */
  readonly name: string;
  readonly cwd?: string;
  readonly env?: NodeJS.ProcessEnv;
  /** How many of its last lines are printed when the test file fails. */
  readonly reportLines?: number;
  readonly onLine?: (line: string, stream: 'stdout' | 'stderr') => void;
}

const ringLines = 200;
/** Longer than any drain that a test configures, and far shorter than the deadline of a file, in milliseconds. */
const endMs = 90_000;
const alive = new Set<Child>();
/** Of the latest children, the dead included: what to print when the test file fails. */
const reported: Child[] = [];
let ownsEnd = true;

/** A process owned by a test: its output is kept in a bounded ring and printed only when the test file fails. */
export class Child implements AsyncDisposable {
  readonly name: string;
  readonly pid: number;
  /** Never rejects. */
  readonly exited: Promise<Exit>;
  readonly #process: ChildProcess;
  readonly #ring: string[] = [];
  readonly #reportLines: number;
  #exit: Exit | undefined;

  static async spawn(command: readonly string[], options: ChildOptions): Promise<Child> {
    const [file = '', ...args] = command;
    const child = spawn(file, args, {
      stdio: ['ignore', 'pipe', 'pipe'],
      ...(options.cwd !== undefined && { cwd: options.cwd }),
      ...(options.env !== undefined && { env: options.env }),
    });
    // Owned before anything is waited for: a program that exits meanwhile must still end what it has started.
    const owned = child.pid === undefined ? undefined : new Child(child, child.pid, options);
    await once(child, 'spawn'); // throws why it could not be started
    if (!owned) throw new Error(`Cannot start ${options.name}: no process id`);
    return owned;
  }

  private constructor(child: ChildProcess, pid: number, { name, onLine, reportLines = 12 }: ChildOptions) {
    this.name = name;
    this.#reportLines = reportLines;
    this.pid = pid;
    this.#process = child;
    for (const stream of ['stdout', 'stderr'] as const) {
      const input = child[stream];
      if (!input) continue;
      createInterface({ input }).on('line', (line) => {
        this.#ring.push(line);
        if (this.#ring.length > ringLines) this.#ring.shift();
        onLine?.(line, stream);
      });
    }
    this.exited = new Promise((resolve) => {
      // 'close' comes after the last line of output, 'exit' may come before it
      child.once('close', (code, signal) => {
        this.#exit = { code, signal };
        alive.delete(this);
        resolve(this.#exit);
      });
    });
    own(this);
  }

  get exit(): Exit | undefined {
    return this.#exit;
  }

  /** The last lines of its output. */
  log(): string {
    return this.#ring.join('\n');
  }

  /** What to print when the test file fails. */
  report(): string {
    const lines = this.#ring.slice(-this.#reportLines).map((line) => `  ${line}`);
    return `--- ${this.name} (pid ${this.pid}), last lines\n${lines.join('\n')}`;
  }

  signal(signal: NodeJS.Signals): void {
    if (this.#exit === undefined) this.#process.kill(signal);
  }

  /** `kill -9`, which also ends a stopped process, and waits until it is gone. */
  async kill(): Promise<Exit> {
    this.signal('SIGKILL');
    return await this.ended();
  }

  /** Waits until it is gone; fails with its output where it outlives the deadline. */
  async ended(withinMs = endMs): Promise<Exit> {
    const late = new AbortController();
    try {
      return await Promise.race([this.exited, this.#overdue(withinMs, late.signal)]);
    } finally {
      late.abort();
    }
  }

  #overdue(ms: number, signal: AbortSignal): Promise<never> {
    return new Promise((_, reject) => {
      const timer = setTimeout(() => {
        reject(new Error(`${this.name} has not ended after ${ms} ms\n${this.log()}`));
      }, ms);
      signal.addEventListener('abort', () => {
        clearTimeout(timer);
      });
    });
  }

  /** Waits for a sign of readiness, but no longer than the process lives. */
  async until(ready: () => Promise<boolean>, withinMs: number): Promise<void> {
    const until = performance.now() + withinMs;
    while (!(await ready())) {
      if (this.#exit) throw new Error(`${this.name} ended before it was ready\n${this.log()}`);
      if (performance.now() > until)
        throw new Error(`${this.name} is not ready after ${withinMs} ms\n${this.log()}`);
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill();
  }
}

/** The children that have not ended yet. */
export function childrenAlive(): readonly Child[] {
  return [...alive];
}

/**
 * For a program that is no test: it closes in order on a signal, and says itself what went wrong. Children that are
 * left are still killed when it exits.
 */
export function leaveEndToCaller(): void {
  ownsEnd = false;
}

function own(child: Child): void {
  if (reported.length === 0) {
    process.once('exit', atExit);
    // The runner ends a file that hangs with SIGTERM, which would skip 'exit' and leave servers behind.
    if (ownsEnd) {
      process.once('SIGTERM', () => process.exit(143));
      process.once('SIGINT', () => process.exit(130));
    }
  }
  alive.add(child);
  reported.push(child);
  if (reported.length > 12) reported.splice(1, 1);
}

function atExit(code: number): void {
  for (const child of alive) child.signal('SIGKILL');
  if (!ownsEnd || (code === 0 && !process.exitCode)) return;
  for (const child of reported) process.stderr.write(`\n${child.report()}\n`);
}
