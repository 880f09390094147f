import { addressBytes, formatAddress, type Network, networkHolds, parseNetwork } from './network.ts';
import { denialLine } from './refusal-reply.ts';

/** The reply to a client whose address is not allowed. It does not reveal the allowed networks. */
export const notAllowedLine = denialLine("this client's address is not allowed");

/** The networks whose clients a listener accepts. */
export class AllowList {
  readonly #networks: readonly Network[];

  /** @returns the list for `ListenerConfig.allow`; `undefined` if every client is allowed */
  static of(allow: readonly string[]): AllowList | undefined {
    return allow.length === 0 ? undefined : new AllowList(allow);
  }

  private constructor(allow: readonly string[]) {
    this.#networks = allow.flatMap((text) => parseNetwork(text) ?? []);
  }

  /**
   * @param address of the client, as text or as 16 bytes; a client without one (already gone) is not allowed
   * @returns why a client is not allowed, for the log; `undefined` if it is
   */
  objection(address: string | Uint8Array | undefined): string | undefined {
    const bytes = typeof address === 'string' ? addressBytes(address) : address;
    if (bytes === undefined) return 'the address of a client is not known, so it is not allowed';
    if (this.#networks.some((network) => networkHolds(network, bytes))) return undefined;
    return `${formatAddress(bytes)} is not allowed`;
  }
}
