import { setTimeout as sleep } from 'node:timers/promises';
import { RespClient, Writer } from '../../test/support/index.ts';

/** What clients of the load wait in, each until its session is cut. */
const waits: readonly (readonly (string | number)[])[] = [
  ['BLPOP', 'nothing', 0],
  ['SUBSCRIBE', 'news'],
  ['MULTI'],
  ['PING'],
];

/** Of values that are written and read back, in bytes. */
const sizes = [64, 16 * 1024, 1024 * 1024];
/** More than the buffers on the way hold. */
const slowBytes = 4 * 1024 * 1024;

/**
 * Mixed clients of one tunnel: some write, some wait, some come and go, some carry large values or batches, one reads
 * late. Every one reconnects when it is cut.
 */
export class Load {
  readonly #port: number;
  #writers: Writer[] = [];
  #isOn = false;
  #others: Promise<void>[] = [];
  readonly #clients = new Set<RespClient>();
  acknowledged = 0;
  /** Errors and refusals of writers. */
  errors = 0;
  /** Values read back by the session that wrote them, and how many of them were not what had been written. */
  readBack = 0;
  wrong = 0;

  constructor(port: number) {
    this.#port = port;
  }

  start(): void {
    this.#isOn = true;
    this.#writers = Array.from({ length: 5 }, (_, index) => new Writer(this.#port, `writer${index}`, 5));
    const waiting = Array.from({ length: 20 }, (_, index) => this.#keep(() => this.#wait(index)));
    const hasty = Array.from({ length: 2 }, () => this.#keep(() => this.#visit()));
    const bulky = sizes.map((size) => this.#keep(() => this.#readBack(size)));
    const batches = Array.from({ length: 2 }, () => this.#keep(() => this.#batch()));
    const slow = [this.#keep(() => this.#dawdle())];
    this.#others = [...waiting, ...hasty, ...bulky, ...batches, ...slow];
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

  /** Writes values of one size and compares what comes back. */
  async #readBack(size: number): Promise<void> {
    await using client = await this.#connect();
    for (let turn = 0; this.#isOn; turn += 1) {
      const value = String.fromCharCode(97 + (turn % 26)).repeat(size);
      await client.command('SET', `value:${size}`, value);
      const read = await client.command('GET', `value:${size}`);
      this.readBack += 1;
      if (read !== value) this.wrong += 1;
      await sleep(250);
    }
  }

  /** Sixteen commands in one write, over and over. */
  async #batch(): Promise<void> {
    await using client = await this.#connect();
    while (this.#isOn) {
      await Promise.all(Array.from({ length: 16 }, (_, index) => client.command('INCR', `counter:${index}`)));
      await sleep(20);
    }
  }

  /** Asks for more than the buffers on the way hold, and reads it late. */
  async #dawdle(): Promise<void> {
    await using client = await this.#connect();
    await client.command('SETRANGE', 'large', slowBytes - 1, 'x');
    while (this.#isOn) {
      client.socket.pause();
      const read = client.command('GET', 'large');
      read.catch(() => undefined); // told below, once it is waited for
      await sleep(1000);
      client.socket.resume();
      const value = await read;
      this.readBack += 1;
      if (typeof value !== 'string' || value.length !== slowBytes) this.wrong += 1;
    }
  }

  async #connect(): Promise<RespClient> {
    const client = await RespClient.connect(this.#port, { deadlineMs: 30_000 });
    this.#clients.add(client);
    void client.closed.then(() => this.#clients.delete(client));
    if (!this.#isOn) client.reset();
    return client;
  }
}
