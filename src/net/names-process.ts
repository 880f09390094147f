import { spawn, type ChildProcess, type StdioOptions } from 'node:child_process';
import process from 'node:process';
import { childArguments } from './child-arguments.ts';
import { lookUp, type LookupResult, type LookupRequest } from './look-up.ts';

/**
 * How many names may be looked up at once. libuv uses half of its threads for that, and each takes 10 KiB of memory. Where
 * so many threads are not allowed (a limit of processes counts them) it ends the process, and there are fewer.
 */
const mostAtOnce = [128, 32, 8] as const;

/** Where so many names are without an answer, others wait so long before all of these are given up, in milliseconds. */
const mostWaitMs = 5_000;

/** How long the process may take to start, in milliseconds. It takes 80. */
const mostStartMs = 10_000;

/** Where it cannot be started, it is tried again after this, in milliseconds. */
const retryMs = 60_000;

type LookupCallback = (found: LookupResult) => void;

/**
 * Looks names up in a process of its own, which is started with the first name. getaddrinfo(3) cannot be cancelled, and
 * in this process would keep one of a few threads that names and files share, and keep the process from ending, for as
 * long as a name server is silent. The other process has a thread for each name, and can be killed.
 *
 * Where no process can be started, with however few threads, names are looked up in this one.
 */
export class NamesProcess {
  readonly #asked = new Map<string, LookupCallback>();
  /** For want of a thread; in the order in which they were asked. */
  readonly #waiting = new Map<string, LookupCallback>();
  #child: ChildProcess | undefined;
  #isReady = false;
  /** Of `mostAtOnce`, which one is allowed here as far as is known. */
  #size = 0;
  #unavailableUntilMs = 0;
  #impatience: NodeJS.Timeout | undefined;
  readonly #arguments: readonly string[];

  /** @param args of the process that is started; tests give others */
  constructor(args: readonly string[] = childArguments) {
    this.#arguments = args;
  }

  /** The process that looks names up, where there is one now. */
  get pid(): number | undefined {
    return this.#child?.pid;
  }

  /** Looks up a name that is not being looked up. The answer comes later. */
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

  /** Ends the process at once, and answers what is asked of it. The next name starts another. */
  close(): void {
    const child = this.#child;
    this.#child = undefined;
    child?.kill('SIGKILL');
    for (const answer of this.#takeAll().values()) answer('EAI_AGAIN');
  }

  #send(child: ChildProcess, name: string, answer: LookupCallback): void {
    this.#asked.set(name, answer);
    this.#hold(child);
    // What is not sent is answered when the process ends. One that could not be started may have no channel.
    if (child.connected) child.send({ name } satisfies LookupRequest, () => undefined);
  }

  #start(): ChildProcess | undefined {
    this.#isReady = false;
    try {
      return this.#watched(this.#spawn());
    } catch {
      // Some errors of fork(2) are thrown, others are events.
      this.#unavailableUntilMs = performance.now() + retryMs;
      return undefined;
    }
  }

  #spawn(): ChildProcess {
    // Not the flags of this process, which may be those of a debugger, and have one listen once more.
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
    if (this.#waiting.size === 0) this.#calm();
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
    this.#impatience ??= setTimeout(() => this.#child?.kill('SIGKILL'), mostWaitMs).unref();
  }

  #calm(): void {
    clearTimeout(this.#impatience);
    this.#impatience = undefined;
  }

  #takeAll(): ReadonlyMap<string, LookupCallback> {
    const all = new Map([...this.#asked, ...this.#waiting]);
    this.#asked.clear();
    this.#waiting.clear();
    this.#calm();
    return all;
  }

  /** As long as something is asked this process does not end, as with every request of Node's own. */
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
