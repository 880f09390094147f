import { setTimeout as sleep } from 'node:timers/promises';
import { RespClient, Writer } from '../../test/kit/index.ts';

/** What clients of the load wait in, each until its session is cut. */
const waits: readonly (readonly (string | number)[])[] = [
  ['BLPOP', 'nothing', 0],
  ['SUBSCRIBE', 'news'],
  ['MULTI'],
  ['PING'],
];

/** Mixed clients of one tunnel: some write, some wait, some come and go. Every one connects anew when it is cut. */
export class Load {
  readonly #port: number;
  #writers: Writer[] = [];
  #isOn = false;
  #others: Promise<void>[] = [];
  readonly #clients = new Set<RespClient>();
  acknowledged = 0;
  /** Errors and refusals of writers. */
  errors = 0;

  constructor(port: number) {
    this.#port = port;
  }

  start(): void {
    this.#isOn = true;
    this.#writers = Array.from({ length: 5 }, (_, index) => new Writer(this.#port, `writer${index}`, 5));
    const waiting = Array.from({ length: 20 }, (_, index) => this.#keep(() => this.#wait(index)));
    const hasty = Array.from({ length: 2 }, () => this.#keep(() => this.#visit()));
    this.#others = [...waiting, ...hasty];
  }

  /** Ends every client; resolves when all are gone. */
  async stop(): Promise<void> {
    this.#isOn = false;
    for (const writer of this.#writers) await writer[Symbol.asyncDispose]();
    for (const client of this.#clients) client.reset();
    await Promise.all(this.#others);
    this.acknowledged += this.#writers.reduce((sum, writer) => sum + writer.acknowledged.length, 0);
    this.errors += this.#writers.reduce((sum, writer) => sum + writer.errors.length, 0);
    this.#writers = [];
  }

  /** How many writes have been acknowledged since the last start. */
  get writes(): number {
    return this.#writers.reduce((sum, writer) => sum + writer.acknowledged.length, 0);
  }

  async #keep(live: () => Promise<void>): Promise<void> {
    while (this.#isOn) {
      try {
        await live();
      } catch {
        await sleep(20); // cut or refused: what the soak is about
      }
    }
  }

  async #wait(index: number): Promise<void> {
    await using client = await this.#connect();
    const wait = waits[index % waits.length] ?? ['PING'];
    client.write(`${wait.join(' ')}\r\n`);
    await client.closed;
  }

  async #visit(): Promise<void> {
    {
      await using client = await this.#connect();
      await client.command('PING');
    }
    await sleep(10);
  }

  async #connect(): Promise<RespClient> {
    const client = await RespClient.connect(this.#port, { deadlineMs: 30_000 });
    this.#clients.add(client);
    void client.closed.then(() => this.#clients.delete(client));
    if (!this.#isOn) client.reset();
    return client;
  }
}
