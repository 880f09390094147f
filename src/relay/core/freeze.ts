import type { Client } from './client.ts';

/** How a freeze went: clients whose last command was answered, and those that still wait for an answer. */
export interface FreezeOutcome {
  readonly answered: number;
  readonly unanswered: number;
}

/** Between the parts of one reply there is seldom a longer pause than this, in milliseconds. */
const quietMs = 5;
const lookEveryMs = 2;

/**
 * Freezes the clients that are attached: what they have asked is answered, and nothing more is read from them. Where replies are
 * not counted, a client counts as answered when the last bytes went towards it and nothing has moved for a moment.
 */
export class Freeze {
  readonly #clients = new Map<Client, { bytes: number; sinceMs: number }>();
  #untilMs = 0;
  #dueMs = Infinity;
  #done: ((outcome: FreezeOutcome) => void) | undefined;

  /** When `tick` has something to do next, in milliseconds; `Infinity` for never. */
  get dueMs(): number {
    return this.#dueMs;
  }

  /** @param done called once: when everything is answered, when the time is over, or when it is ended before */
  begin(
    clients: Iterable<Client>,
    nowMs: number,
    withinMs: number,
    done: (outcome: FreezeOutcome) => void,
  ): void {
    this.end();
    this.#untilMs = nowMs + withinMs;
    this.#done = done;
    for (const client of clients) {
      this.#clients.set(client, { bytes: client.relayedBytes, sinceMs: nowMs });
      client.flow?.freeze();
    }
    this.tick(nowMs);
  }

  /** Thaws every client. */
  end(): void {
    const clients = [...this.#clients.keys()];
    this.#finish();
    this.#clients.clear();
    for (const client of clients) client.flow?.thaw();
  }

  /** A client has ended. */
  delete(client: Client): void {
    this.#clients.delete(client);
  }

  tick(nowMs: number): void {
    if (!this.#done) return;
    let isOver = true;
    for (const [client, look] of this.#clients) {
      const bytes = client.relayedBytes;
      const isQuiet = bytes === look.bytes && nowMs - look.sinceMs >= quietMs;
      if (bytes !== look.bytes) this.#clients.set(client, { bytes, sinceMs: nowMs });
      if (!isQuiet || isUnanswered(client)) isOver = false;
    }
    if (isOver || nowMs >= this.#untilMs) this.#finish();
    else this.#dueMs = nowMs + lookEveryMs;
  }

  #finish(): void {
    const done = this.#done;
    this.#done = undefined;
    this.#dueMs = Infinity;
    if (!done) return;
    const clients = [...this.#clients.keys()];
    const unanswered = clients.filter(isUnanswered).length;
    done({ answered: clients.length - unanswered, unanswered });
  }
}

/** Whether a reply is awaited, or is not on its way to the client as a whole. */
function isUnanswered({ flow, connection }: Client): boolean {
  return flow?.isUnanswered === true || !connection.isFlushed;
}
