import type { Endpoint } from '../net/endpoint.ts';

/**
 * Asks a server whether it is alive after it has dropped clients: one question for all that were dropped before it, and the next
 * one after its answer.
 */
export class LivenessCheck {
  readonly #ask: (endpoint: Endpoint) => Promise<void>;
  readonly #answered: (clients: readonly number[]) => void;
  #dropped: { readonly endpoint: Endpoint; readonly client: number }[] = [];
  #isAsking = false;

  /**
   * @param ask resolves when the server has answered or is known not to, and that has been acted upon; never rejects
   * @param answered is given the clients that had been dropped when the question was asked
   */
  constructor(ask: (endpoint: Endpoint) => Promise<void>, answered: (clients: readonly number[]) => void) {
    this.#ask = ask;
    this.#answered = answered;
  }

  dropped(endpoint: Endpoint, client: number): void {
    this.#dropped.push({ endpoint, client });
    if (!this.#isAsking) void this.#askOn();
  }

  async #askOn(): Promise<void> {
    this.#isAsking = true;
    for (let first = this.#dropped[0]; first; first = this.#dropped[0]) {
      const asked = this.#dropped.splice(0);
      await this.#ask(first.endpoint);
      this.#answered(asked.map(({ client }) => client));
    }
    this.#isAsking = false;
  }
}
