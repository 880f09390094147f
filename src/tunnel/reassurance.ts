import type { Endpoint } from '../net/endpoint.ts';

/** Has a server asked whether it lives after it has dropped sessions: once for all that were dropped before the question. */
export class Reassurance {
  readonly #ask: (endpoint: Endpoint) => Promise<void>;
  readonly #reassure: (sessions: readonly number[]) => void;
  #dropped: { readonly endpoint: Endpoint; readonly session: number }[] = [];
  #isAsking = false;

  /**
   * @param ask resolves when the server has answered or is known not to, and that has been acted upon; never rejects
   * @param reassure is given the sessions that had been dropped when the question was asked
   */
  constructor(ask: (endpoint: Endpoint) => Promise<void>, reassure: (sessions: readonly number[]) => void) {
    this.#ask = ask;
    this.#reassure = reassure;
  }

  dropped(endpoint: Endpoint, session: number): void {
    this.#dropped.push({ endpoint, session });
    if (!this.#isAsking) void this.#askOn();
  }

  async #askOn(): Promise<void> {
    this.#isAsking = true;
    for (let first = this.#dropped[0]; first; first = this.#dropped[0]) {
      const asked = this.#dropped.splice(0);
      await this.#ask(first.endpoint);
      this.#reassure(asked.map(({ session }) => session));
    }
    this.#isAsking = false;
  }
}
