import type { Endpoint } from '../net/endpoint.ts';

/**
 * Probes a server after it dropped clients: one probe for all clients dropped before it, and the next one after its result.
 */
export class LivenessCheck {
  readonly #probe: (endpoint: Endpoint) => Promise<void>;
  readonly #probed: (clients: readonly number[]) => void;
  #dropped: { readonly endpoint: Endpoint; readonly client: number }[] = [];
  #isProbing = false;

  /**
   * @param probe probes a server and acts on the result before it resolves; never rejects
   * @param probed called with the clients that were dropped before that probe
   */
  constructor(probe: (endpoint: Endpoint) => Promise<void>, probed: (clients: readonly number[]) => void) {
    this.#probe = probe;
    this.#probed = probed;
  }

  dropped(endpoint: Endpoint, client: number): void {
    this.#dropped.push({ endpoint, client });
    if (!this.#isProbing) void this.#run();
  }

  async #run(): Promise<void> {
    this.#isProbing = true;
    for (let first = this.#dropped[0]; first; first = this.#dropped[0]) {
      const dropped = this.#dropped.splice(0);
      await this.#probe(first.endpoint);
      this.#probed(dropped.map(({ client }) => client));
    }
    this.#isProbing = false;
  }
}
