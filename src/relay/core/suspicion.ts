/**
 * An answer about the server comes within 500 ms even where it is silent. Should none come, dials go on after this, in
 * milliseconds, as if nothing had happened.
 */
const mostMs = 600;
/** A server that has just answered is not suspected again for so long, in milliseconds: it may close many connections. */
const calmMs = 20;

/**
 * Whether the server is suspected to be dying: it has ended a connection that its client had not asked it to end. Dials wait until it has
 * answered a question on a new connection.
 *
 * When a process is killed, the kernel closes its descriptors one after the other, the latest first (`task_work_run` has
 * been last in, first out since Linux 4.2), and so the listening socket last. For some hundred microseconds it still
 * accepts connections, which it then resets: a client that reconnects at once would meet a second error.
 */
export class Suspicion {
  #open: { readonly client: number; readonly untilMs: number } | undefined;
  #calmUntilMs = -Infinity;

  /** Whether dials have to wait. */
  get isOpen(): boolean {
    return this.#open !== undefined;
  }

  /** When it ends by itself, in milliseconds; `Infinity` where there is none. */
  get dueMs(): number {
    return this.#open?.untilMs ?? Infinity;
  }

  /** @returns whether one begins by this, so that the server has to be asked */
  begin(client: number, nowMs: number): boolean {
    if (this.#open || nowMs < this.#calmUntilMs) return false;
    this.#open = { client, untilMs: nowMs + mostMs };
    return true;
  }

  /** Begins one that lasts until `end`. */
  beginUntilEnded(): void {
    this.#open = { client: 0, untilMs: Infinity };
  }

  /**
   * The server has answered a question that was asked after these clients were dropped.
   *
   * @returns whether that ends it
   */
  answered(clients: readonly number[], nowMs: number): boolean {
    if (!this.#open || !clients.includes(this.#open.client)) return false;
    this.#open = undefined;
    this.#calmUntilMs = nowMs + calmMs;
    return true;
  }

  end(): void {
    this.#open = undefined;
  }
}
