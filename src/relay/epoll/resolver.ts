import { lookup } from 'node:dns';
import type { Endpoint, ListenAddress } from '../../net/endpoint.ts';
import { OwnListeners, whyOwn } from '../../net/own-listeners.ts';
import { inetAddress, type SocketAddress } from './sockaddr.ts';

/** For how long the addresses of a name are used without asking again, in milliseconds: long enough for a herd. */
const freshMs = 1_000;

/** The addresses of a name in the order in which they are tried, or the name of the error. */
export type Found = readonly SocketAddress[] | string;

interface Known {
  readonly addresses: readonly SocketAddress[];
  readonly untilMs: number;
}

/**
 * Turns endpoints into socket addresses. Names are looked up by Node's own pool of threads, once for all who ask at
 * the same time, and the answer comes to this thread's event loop; the loop of the descriptors never waits for it.
 */
export class Resolver {
  readonly #known = new Map<string, Known>();
  readonly #asking = new Map<string, ((found: Found) => void)[]>();
  /** How many of a name's addresses have been passed over because dialling there led nowhere. */
  readonly #skips = new Map<string, number>();
  /** The latest endpoint with an address for a host: nearly every dial goes where the last one went. */
  #latest: { endpoint: Endpoint; addresses: readonly SocketAddress[] } | undefined;

  #listening: readonly ListenAddress[] = [];
  readonly #own = new OwnListeners(() => this.#listening);

  /** What is not to be dialled, by an address or by a name that leads there: where this process itself listens. */
  avoid(listening: readonly ListenAddress[]): void {
    this.#listening = listening;
    this.#latest = undefined;
    this.#known.clear();
  }

  /** What needs no look-up now. */
  known(endpoint: Endpoint): Found | undefined {
    if (this.#latest?.endpoint === endpoint) return this.#latest.addresses;
    const literal = inetAddress(endpoint.host, endpoint.port);
    if (literal) {
      if (this.#own.has(endpoint)) return whyOwn;
      this.#latest = { endpoint, addresses: [literal] };
      return this.#latest.addresses;
    }
    const known = this.#known.get(keyOf(endpoint));
    return known && known.untilMs > performance.now() ? known.addresses : undefined;
  }

  resolve(endpoint: Endpoint, answer: (found: Found) => void): void {
    const key = keyOf(endpoint);
    const asking = this.#asking.get(key);
    if (asking) {
      asking.push(answer);
      return;
    }
    this.#asking.set(key, [answer]);
    lookup(endpoint.host, { all: true, verbatim: true }, (error, found) => {
      const waiting = this.#asking.get(key) ?? [];
      this.#asking.delete(key);
      const result = error ? (error.code ?? 'ENOTFOUND') : this.#keep(endpoint, found);
      for (const each of waiting) each(result);
    });
  }

  /** Dialling the endpoint has failed: its name is looked up anew, and the next of its addresses is tried first. */
  doubt(endpoint: Endpoint): void {
    const key = keyOf(endpoint);
    const known = this.#known.get(key);
    if (!known) return;
    this.#known.delete(key);
    if (known.addresses.length > 1) this.#skips.set(key, (this.#skips.get(key) ?? 0) + 1);
  }

  #keep(endpoint: Endpoint, found: readonly { readonly address: string }[]): Found {
    if (found.some(({ address }) => this.#own.has({ host: address, port: endpoint.port }))) return whyOwn;
    const addresses = found.flatMap(({ address }) => inetAddress(address, endpoint.port) ?? []);
    if (addresses.length === 0) return 'ENOTFOUND';
    const key = keyOf(endpoint);
    const skip = (this.#skips.get(key) ?? 0) % addresses.length;
    const rotated = [...addresses.slice(skip), ...addresses.slice(0, skip)];
    this.#known.set(key, { addresses: rotated, untilMs: performance.now() + freshMs });
    return rotated;
  }
}

function keyOf({ host, port }: Endpoint): string {
  return `${host} ${String(port)}`;
}
