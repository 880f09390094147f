import { MessageChannel, receiveMessageOnPort, Worker, type MessagePort } from 'node:worker_threads';
import { Lag, lagLength } from '../telemetry/lag.ts';
import type { ThreadAnswer, ThreadCommand } from './epoll-messages.ts';
import { threadModule, type ThreadModule } from './thread-module.ts';

/**
 * Little is allocated per client and nothing per byte, so a small nursery loses nothing and keeps resident memory
 * from following every burst of connections.
 */
const youngGenerationMb = 2;

/** The engine's end of one thread. */
export class ThreadHandle {
  readonly index: number;
  /** Resolves when the thread can carry out commands; rejects with why it cannot. */
  readonly ready: Promise<void>;
  /** Resolves when the thread is no more, for whatever reason. */
  readonly ended: Promise<void>;
  onAnswer: (answer: ThreadAnswer) => void = () => undefined;
  readonly #port: MessagePort;
  readonly #lateness = new Float64Array(new SharedArrayBuffer(lagLength * Float64Array.BYTES_PER_ELEMENT));
  /** How late the thread came to its heartbeats. It counts in memory that it shares. */
  readonly lag = new Lag(this.#lateness);
  readonly #release = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #heartbeats = new Int32Array(new SharedArrayBuffer(Int32Array.BYTES_PER_ELEMENT));
  readonly #greeted = new Set<(isAlive: boolean) => void>();
  #isStopping = false;

  constructor(
    index: number,
    usesRing: boolean,
    fatal: (error: Error) => void,
    { module, data }: ThreadModule = threadModule,
  ) {
    this.index = index;
    const { port1, port2 } = new MessageChannel();
    this.#port = port1;
    const worker = new Worker(module, {
      workerData: {
        port: port2,
        release: this.#release,
        heartbeats: this.#heartbeats,
        lateness: this.#lateness,
        usesRing,
        data,
      },
      // Flags of the process (a loader, `--input-type`) are about its own main module.
      execArgv: [],
      transferList: [port2],
      name: `relay ${String(index)}`,
      resourceLimits: { maxYoungGenerationSizeMb: youngGenerationMb },
    });
    let isReady = false;
    let defect: Error | undefined;
    this.ready = new Promise((resolve, reject) => {
      const take = (answer: ThreadAnswer): void => {
        if (answer.kind === 'ready') {
          isReady = true;
          resolve();
        } else if (answer.kind === 'unavailable') {
          this.#isStopping = true;
          reject(new Error(answer.reason));
        } else if (answer.kind === 'alive') this.#answerGreetings(true);
        else this.onAnswer(answer);
      };
      port1.on('message', take);
      worker.once('error', reject);
      worker.once('exit', () => {
        // Its last messages may still be on their way: a thread does not wait for them when it ends.
        for (let left = received(port1); left; left = received(port1)) take(left.message);
        reject(new Error('the thread ended before it was ready'));
      });
    });
    worker.on('error', (error) => {
      defect = error instanceof Error ? error : new Error(String(error));
    });
    this.ended = new Promise((resolve) => {
      worker.once('exit', (code) => {
        port1.close();
        this.#answerGreetings(false);
        resolve();
        if (isReady && !this.#isStopping)
          fatal(defect ?? new Error(`A relay thread ended by itself with code ${String(code)}`));
      });
    });
  }

  send(command: ThreadCommand): void {
    this.#port.postMessage(command);
  }

  /** Shows the thread that the main thread runs, and hears the Sentinels. */
  heartbeat(): void {
    Atomics.add(this.#heartbeats, 0, 1);
  }

  /** Lets the thread go on after a stall, with what it was sent before this. */
  release(): void {
    Atomics.add(this.#release, 0, 1);
    Atomics.notify(this.#release, 0);
  }

  /** The name of the thread, for people. */
  get name(): string {
    return `relay thread ${String(this.index)}`;
  }

  /** Whether the thread answers within `ms` milliseconds. */
  isAlive(ms: number): Promise<boolean> {
    return new Promise((resolve) => {
      const answered = (isAlive: boolean): void => {
        clearTimeout(timer);
        this.#greeted.delete(answered);
        resolve(isAlive);
      };
      const timer = setTimeout(answered, ms, false);
      this.#greeted.add(answered);
      this.send({ kind: 'greet' });
    });
  }

  /** Ends the thread and waits for its end. Idempotent. */
  stop(): Promise<void> {
    if (!this.#isStopping) {
      this.#isStopping = true;
      this.send({ kind: 'stop' });
    }
    return this.ended;
  }

  /** Answers come in order: any of them answers every greeting sent so far. */
  #answerGreetings(isAlive: boolean): void {
    for (const answered of this.#greeted) answered(isAlive);
  }
}

function received(port: MessagePort): { readonly message: ThreadAnswer } | undefined {
  return receiveMessageOnPort(port);
}
