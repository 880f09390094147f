import { type LookupFunction, isIP } from 'node:net';
import type { Endpoint, ListenAddress } from './endpoint.ts';
import { canonicalHost } from './address-map.ts';
import { lookupUnless } from './names.ts';
import { isOfThisHost } from './this-host.ts';

/** Why the tunnel does not dial its own listeners. */
export const whyOwn = 'that is this tunnel itself';

/**
 * The addresses of this process, so that it never dials itself. An announced or mapped address may lead back here, and each session
 * would then open another one without end.
 */
export class OwnListeners {
  readonly #listening: () => readonly ListenAddress[];

  /** @param listening returns the open addresses */
  constructor(listening: () => readonly ListenAddress[]) {
    this.#listening = listening;
  }

  /** Whether an IP address is one of our listeners. For names use `lookupFor`. */
  has({ host, port }: Endpoint): boolean {
    return this.#listening().some((own) => {
      if (own.kind !== 'tcp' || own.port !== port) return false;
      const address = canonicalHost(host);
      const ownHost = canonicalHost(own.host);
      return ownHost === address || (isWildcard(ownHost, address) && isOfThisHost(address));
    });
  }

  /** @returns a lookup function for connections to `port` that fails if the name leads here */
  lookupFor(port: number): LookupFunction {
    return lookupUnless((addresses) =>
      addresses.some((address) => this.has({ host: address, port })) ? ownListenerError() : undefined,
    );
  }

  /** @returns the error for a connection to the endpoint; `undefined` if it may be dialled */
  objection(endpoint: Endpoint): NodeJS.ErrnoException | undefined {
    return isIP(endpoint.host) !== 0 && this.has(endpoint) ? ownListenerError() : undefined;
  }
}

function ownListenerError(): NodeJS.ErrnoException {
  return Object.assign(new Error(whyOwn), { code: whyOwn });
}

function isWildcard(own: string, address: string): boolean {
  return own === '::' || (own === '0.0.0.0' && !address.includes(':'));
}

/** The open addresses of the engines of this process, so that none of them dials itself or another. */
export class OpenListeners {
  readonly #open = new Set<{ readonly address: ListenAddress }>();
  /** Called after each change. */
  onChange: () => void = () => undefined;

  get addresses(): readonly ListenAddress[] {
    return [...this.#open].map(({ address }) => address);
  }

  /** Adds an open address. @returns an idempotent function that removes it */
  add(address: ListenAddress): () => void {
    const entry = { address };
    this.#open.add(entry);
    this.onChange();
    return () => {
      if (this.#open.delete(entry)) this.onChange();
    };
  }
}
