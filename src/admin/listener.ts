import type { AdminConfig } from '../config/types.ts';
import type { Log } from '../telemetry/log.ts';
import { History } from './history.ts';
import { readPage } from './page.ts';
import type { AdminCallbacks } from './callbacks.ts';
import { AdminServer } from './server.ts';

/** Whoever asked for a reload over this listener hears of it before it makes room for another, in milliseconds. */
const partingMs = 100;

/** The admin listener of a daemon, if it is to have one; under another configuration it makes room for another. */
export class AdminListener {
  readonly #callbacks: AdminCallbacks;
  readonly #log: Log;
  /** Outlives a change of the listener; kept only while there is one. */
  readonly #history: History;
  #config: AdminConfig | undefined;
  #server: AdminServer | undefined;
  #changing: Promise<void> | undefined;
  #isEnding = false;

  constructor(config: AdminConfig | undefined, callbacks: AdminCallbacks, log: Log) {
    this.#config = config;
    this.#callbacks = callbacks;
    this.#log = log;
    this.#history = new History(() => callbacks.readings());
  }

  /** Begins to listen, where it is to; does not wait for it. */
  open(): void {
    if (!this.#config) {
      this.#history.stop();
      return;
    }
    this.#history.start();
    this.#server = new AdminServer(this.#config, this.#callbacks, this.#history, readPage(), this.#log);
  }

  /** Goes over to another configuration in the background. Of several at once the latest counts. */
  change(config: AdminConfig | undefined): void {
    this.#config = config;
    this.#changing ??= this.#replace();
  }

  /** From now on nothing is opened any more; what is open stays until `close`. */
  end(): void {
    this.#isEnding = true;
  }

  /** Resolves when it no longer listens and nobody is connected. */
  async close(): Promise<void> {
    this.end();
    await this.#changing;
    this.#history.stop();
    await this.#server?.close();
  }

  async #replace(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, partingMs));
    await this.#server?.close();
    this.#server = undefined;
    this.#changing = undefined;
    if (!this.#isEnding) this.open();
  }
}
