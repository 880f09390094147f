import type { AdminConfig } from '../config/types.ts';
import type { Log } from '../telemetry/log.ts';
import { History } from './history.ts';
import { readPage } from './page.ts';
import type { AdminCallbacks } from './callbacks.ts';
import { AdminServer } from './server.ts';

/** How long a reload over this listener waits before the listener closes, so that its response is sent, in milliseconds. */
const replyMs = 100;

/** The admin listener of a daemon, if configured. A changed configuration replaces it. */
export class AdminListener {
  readonly #callbacks: AdminCallbacks;
  readonly #log: Log;
  /** Survives a replacement of the listener; kept only while one is configured. */
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

  /** Starts to listen in the background, if configured. */
  open(): void {
    if (!this.#config) {
      this.#history.stop();
      return;
    }
    this.#history.start();
    this.#server = new AdminServer(this.#config, this.#callbacks, this.#history, readPage(), this.#log);
  }

  /** Applies another configuration in the background; of several at once the latest. */
  change(config: AdminConfig | undefined): void {
    this.#config = config;
    this.#changing ??= this.#replace();
  }

  /** Opens nothing from now on; what is open stays until `close`. */
  end(): void {
    this.#isEnding = true;
  }

  /** Resolves when the listener and every connection are closed. */
  async close(): Promise<void> {
    this.end();
    await this.#changing;
    this.#history.stop();
    await this.#server?.close();
  }

  async #replace(): Promise<void> {
    await new Promise((resolve) => setTimeout(resolve, replyMs));
    await this.#server?.close();
    this.#server = undefined;
    this.#changing = undefined;
    if (!this.#isEnding) this.open();
  }
}
