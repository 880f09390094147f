import { setTimeout as sleep } from 'node:timers/promises';
import { RespClient } from '../../test/support/index.ts';

/** One turn of events as the client sees it. */
export interface Sight {
  readonly atMs: number;
  readonly what: string;
}

/** The writes of one round: members of one set, so that missing ones can be counted at the end. */
export interface Batch {
  readonly key: string;
  readonly acknowledged: { readonly member: number; readonly atMs: number }[];
  readonly sights: Sight[];
}

/** What is seen when all is well again. */
export const firstWrite = 'first write acknowledged after the cut';

const pauseMs = 1;
/** Longer than the tunnel holds a connection: it is the tunnel that answers, not our patience that ends. */
const deadlineMs = 15_000;

/** The clock of all that is shown, in milliseconds since 1970, with fractions. */
export function nowMs(): number {
  return performance.timeOrigin + performance.now();
}

/**
 * An ordinary client that knows nothing of Sentinel: it writes, one write after the other, and connects again when
 * its connection ends.
 */
export class Writer {
  readonly #port: number;
  #round = 0;
  #batch: Batch = newBatch(0);
  #count = 0;
  #isStopped = false;
  #isCut = false;
  #client: RespClient | undefined;
  readonly #done: Promise<void>;

  constructor(port: number) {
    this.#port = port;
    this.#done = this.#run();
  }

  /** What is being written now. */
  get batch(): Batch {
    return this.#batch;
  }

  /** Begins the next round; gives the one that is over. */
  turn(): Batch {
    const over = this.#batch;
    this.#round += 1;
    this.#batch = newBatch(this.#round);
    return over;
  }

  async stop(): Promise<void> {
    this.#isStopped = true;
    await this.#client?.close();
    await this.#done;
  }

  #isOver(): boolean {
    return this.#isStopped;
  }

  async #run(): Promise<void> {
    while (!this.#isStopped) {
      try {
        await this.#writeUntilCut();
      } catch (error) {
        if (this.#isOver()) return;
        this.#isCut = true;
        this.#see(error instanceof Error ? error.message : String(error));
        await sleep(pauseMs); // a server that refuses is not asked in a hot loop
      }
    }
  }

  async #writeUntilCut(): Promise<void> {
    const client = await RespClient.connect(this.#port, { deadlineMs });
    this.#client = client;
    try {
      while (!this.#isStopped) {
        const batch = this.#batch;
        const member = ++this.#count;
        await client.command('SADD', batch.key, String(member));
        batch.acknowledged.push({ member, atMs: nowMs() });
        if (this.#isCut) this.#see(firstWrite);
        this.#isCut = false;
        await sleep(pauseMs);
      }
    } finally {
      await client.close();
    }
  }

  #see(what: string): void {
    this.#batch.sights.push({ atMs: nowMs(), what });
  }
}

function newBatch(round: number): Batch {
  return { key: `demo:writes:${round}`, acknowledged: [], sights: [] };
}
