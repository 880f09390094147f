import { type LookupFunction, isIP } from 'node:net';
import type { Endpoint, ListenAddress } from './endpoint.ts';
import { canonicalHost } from './address-map.ts';
import { lookupUnless } from './names.ts';
import { isOfThisHost } from './this-host.ts';

/** Why an endpoint is not dialled at which we listen ourselves. */
export const whyOwn = 'that is this tunnel itself';

/**
 * Where this process listens, so that it never dials itself: what a Sentinel announces, or what the address map makes of
 * it, may lead back here, and a session would then open another one, and so on.
 */
export class OwnListeners {
  readonly #listening: () => readonly ListenAddress[];

  /** @param listening gives the addresses that are listened on now */
  constructor(listening: () => readonly ListenAddress[]) {
    this.#listening = listening;
  }

  /** Whether dialling an IP address would lead here. Names are for `lookup`. */
  has({ host, port }: Endpoint): boolean {
    return this.#listening().some((own) => {
      if (own.kind !== 'tcp' || own.port !== port) return false;
      const address = canonicalHost(host);
      const ownHost = canonicalHost(own.host);
      return ownHost === address || (isWildcard(ownHost, address) && isOfThisHost(address));
    });
  }

  /** Looks a name up for a connection to `port`, and fails where it leads here. */
  lookupFor(port: number): LookupFunction {
    return lookupUnless((addresses) =>
      addresses.some((address) => this.has({ host: address, port })) ? ownListenerError() : undefined,
    );
  }

  /** @returns the error with which a connection to the endpoint fails; `undefined` where it may be tried */
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

/** Where the engines of this process listen now, so that none of them dials itself or another. */
export class OpenListeners {
  readonly #open = new Set<{ readonly address: ListenAddress }>();
  /** Called at each change. */
  onChange: () => void = () => undefined;

  get addresses(): readonly ListenAddress[] {
    return [...this.#open].map(({ address }) => address);
  }

  /** @returns what is to be called when it does not listen any more. Idempotent */
  add(address: ListenAddress): () => void {
    const entry = { address };
    this.#open.add(entry);
    this.onChange();
    return () => {
      if (this.#open.delete(entry)) this.onChange();
    };
  }
}
