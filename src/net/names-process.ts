import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import process from 'node:process';
import { childArguments } from './child-arguments.ts';
import { lookUp, type LookupResult, type LookupRequest } from './look-up.ts';

/**
 * How many lookups may run at once. libuv uses half of its threads for them, and each takes 10 KiB of memory. If a process limit forbids
 * so many threads, the process ends, and the next one has fewer.
 */
const mostAtOnce = [128, 32, 8] as const;

/** How long other names wait when all lookups are pending; then those are given up. In milliseconds. */
const mostWaitMs = 5_000;

/** Deadline for the start of the process, in milliseconds. It takes 80. */
const mostStartMs = 10_000;

/** How long after a failed start it is retried, in milliseconds. */
const retryMs = 60_000;

type LookupCallback = (found: LookupResult) => void;

/**
 * Resolves names in a separate process, which starts with the first name. getaddrinfo(3) cannot be cancelled: in this process a silent
 * name server would occupy one of the few threads that names and files share, and would delay the exit. The other process has a thread
 * for each name, and can be killed.
 *
 * If no such process can be started, this process resolves names itself.
 */
export class NamesProcess {
  readonly #asked = new Map<string, LookupCallback>();
  /** Requests that wait for a free thread, oldest first. */
  readonly #waiting = new Map<string, LookupCallback>();
  #child: ChildProcess | undefined;
  #isReady = false;
  /** Index of the entry of `mostAtOnce` in use. */
  #size = 0;
  #unavailableUntilMs = 0;
  #giveUpTimer: NodeJS.Timeout | undefined;
  readonly #arguments: readonly string[];

  /** @param args arguments of the process; tests pass others */
  constructor(args: readonly string[] = childArguments) {
    this.#arguments = args;
  }

  /** The id of the process; `undefined` while none runs. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Resolves a name that has no lookup in progress. Calls back later. */
  ask(name: string, answer: LookupCallback): void {
    if (performance.now() < this.#unavailableUntilMs) lookUp(name, answer);
    else if (this.#asked.size >= this.#mostAtOnce) this.#wait(name, answer);
    else {
      const child = (this.#child ??= this.#start());
      if (child) this.#send(child, name, answer);
      else lookUp(name, answer);
    }
  }

  get #mostAtOnce(): number {
    return mostAtOnce[this.#size] ?? 1;
  }

  /** Kills the process, and fails its pending lookups. The next name starts another process. */
  close(): void {
    const child = this.#child;
    this.#child = undefined;
    child?.kill('SIGKILL');
    for (const answer of this.#takeAll().values()) answer('EAI_AGAIN');
  }

  #send(child: ChildProcess, name: string, answer: LookupCallback): void {
    this.#asked.set(name, answer);
    this.#hold(child);
    // A request that cannot be sent is answered when the process ends. A process that failed to start may have no channel.
    if (child.connected) child.send({ name } satisfies LookupRequest, () => undefined);
  }

  #start(): ChildProcess | undefined {
    this.#isReady = false;
    try {
      return this.#watched(this.#spawn());
    } catch {
      // Some errors of fork(2) are exceptions, others are events.
      this.#unavailableUntilMs = performance.now() + retryMs;
      return undefined;
    }
  }

  #spawn(): ChildProcess {
    // Without the flags of this process, which may start another debugger.
    const env = {
      ...process.env,
      NODE_OPTIONS: undefined,
      NODE_V8_COVERAGE: undefined,
      UV_THREADPOOL_SIZE: String(2 * this.#mostAtOnce),
    };
    const stdio: StdioOptions = ['ignore', 'ignore', 'ignore', 'ipc'];
    return spawn(process.execPath, this.#arguments, { stdio, env, windowsHide: true });
  }

  #watched(child: ChildProcess): ChildProcess {
    const starting = setTimeout(() => child.kill('SIGKILL'), mostStartMs).unref();
    const gone = (): void => {
      clearTimeout(starting);
      this.#gone(child);
    };
    child.once('exit', gone);
    child.on('error', gone);
    child.on('message', (message) => {
      clearTimeout(starting);
      if (this.#child !== child) return;
      this.#isReady = true;
      if (isAnswer(message)) this.#answered(child, message);
    });
    return child;
  }

  #answered(child: ChildProcess, { name, found }: { name: string; found: LookupResult }): void {
    const answer = this.#asked.get(name);
    this.#asked.delete(name);
    const [next] = this.#waiting;
    if (next) {
      this.#waiting.delete(next[0]);
      this.ask(...next);
    }
    if (this.#waiting.size === 0) this.#clearGiveUpTimer();
    this.#hold(child);
    answer?.(found);
  }

  #gone(child: ChildProcess): void {
    if (this.#child !== child) return;
    this.#child = undefined;
    child.kill('SIGKILL');
    if (!this.#isReady) {
      if (this.#size < mostAtOnce.length - 1) this.#size += 1;
      else this.#unavailableUntilMs = performance.now() + retryMs;
    }
    const waiting = new Map(this.#waiting);
    const all = this.#takeAll();
    for (const [name, answer] of all) {
      if (this.#isReady && !waiting.has(name)) answer('EAI_AGAIN');
      else this.ask(name, answer);
    }
  }

  #wait(name: string, answer: LookupCallback): void {
    this.#waiting.set(name, answer);
    this.#giveUpTimer ??= setTimeout(() => this.#child?.kill('SIGKILL'), mostWaitMs).unref();
  }

  #clearGiveUpTimer(): void {
    clearTimeout(this.#giveUpTimer);
    this.#giveUpTimer = undefined;
  }

  #takeAll(): ReadonlyMap<string, LookupCallback> {
    const all = new Map([...this.#asked, ...this.#waiting]);
    this.#asked.clear();
    this.#waiting.clear();
    this.#clearGiveUpTimer();
    return all;
  }

  /** Keeps this process alive while a lookup is pending, as Node's own requests do. */
  #hold(child: ChildProcess): void {
    if (this.#asked.size > 0) {
      child.ref();
      child.channel?.ref();
    } else {
      child.unref();
      child.channel?.unref();
    }
  }
}

function isAnswer(message: unknown): message is { name: string; found: LookupResult } {
  return typeof message === 'object' && message !== null && 'name' in message && 'found' in message;
}
