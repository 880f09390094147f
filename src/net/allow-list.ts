import { addressBytes, formatAddress, type Network, networkHolds, parseNetwork } from './network.ts';
import { denialLine } from './refusal.ts';

/** What a client is told that comes from elsewhere. It learns nothing of who else may come. */
export const notAllowedLine = denialLine("this client's address is not allowed");

/** The networks whose clients a listener lets in. */
export class AllowList {
  readonly #networks: readonly Network[];

  /** @returns the list for `ListenerConfig.allow`; `undefined` where every client may come */
  static of(allow: readonly string[]): AllowList | undefined {
    return allow.length === 0 ? undefined : new AllowList(allow);
  }

  private constructor(allow: readonly string[]) {
    this.#networks = allow.flatMap((text) => parseNetwork(text) ?? []);
  }

  /**
   * Why a client may not come in, for the log; `undefined` where it may.
   *
   * @param address its address, as text or as 16 bytes; one that has none (it has gone already) may not
   */
  objection(address: string | Uint8Array | undefined): string | undefined {
    const bytes = typeof address === 'string' ? addressBytes(address) : address;
    if (bytes === undefined) return 'the address of a client is not known, so it is not allowed';
    if (this.#networks.some((network) => networkHolds(network, bytes))) return undefined;
    return `${formatAddress(bytes)} is not allowed`;
  }
}
