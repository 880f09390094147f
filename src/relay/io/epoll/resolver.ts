import type { Endpoint, ListenAddress } from '../../../net/endpoint.ts';
import type { LookupResult as FoundHost } from '../../../net/look-up.ts';
import { OwnListeners, whyOwn } from '../../../net/own-listeners.ts';
import { inetAddress, type SocketAddress } from '../../../os/sockaddr.ts';

/** For how long the addresses of a name are used without asking again, in milliseconds: long enough for a herd. */
const freshMs = 1_000;

/** The addresses of a name in the order in which they are tried, or the name of the error. */
export type LookupResult = readonly SocketAddress[] | string;

interface Known {
  readonly addresses: readonly SocketAddress[];
  readonly untilMs: number;
}

/** Those who wait for the addresses of one endpoint. */
interface Asking {
  readonly endpoint: Endpoint;
  readonly answers: ((found: LookupResult) => void)[];
}

/**
 * Turns endpoints into socket addresses. Names are looked up by the main thread, once for all that ask at the same time;
 * the loop of the descriptors never waits for it.
 */
export class Resolver {
  readonly #known = new Map<string, Known>();
  readonly #ask: (host: string) => void;
  /** By host, and by endpoint. */
  readonly #asking = new Map<string, Map<string, Asking>>();
  /** How many of a name's addresses have been passed over because dialling there led nowhere. */
  readonly #skips = new Map<string, number>();
  /** The latest endpoint with an address for a host: nearly every dial goes where the last one went. */
  #latest: { endpoint: Endpoint; addresses: readonly SocketAddress[] } | undefined;

  #listening: readonly ListenAddress[] = [];
  readonly #own = new OwnListeners(() => this.#listening);

  /** @param ask has a host looked up, and `answered` called later */
  constructor(ask: (host: string) => void) {
    this.#ask = ask;
  }

  /** What is not to be dialled, by an address or by a name that leads there: where this process itself listens. */
  avoid(listening: readonly ListenAddress[]): void {
    this.#listening = listening;
    this.#latest = undefined;
    this.#known.clear();
  }

  /** What needs no look-up now. */
  known(endpoint: Endpoint): LookupResult | undefined {
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

  resolve(endpoint: Endpoint, answer: (found: LookupResult) => void): void {
    const { host } = endpoint;
    const key = keyOf(endpoint);
    const running = this.#asking.get(host);
    const asking = running?.get(key);
    if (asking) asking.answers.push(answer);
    else {
      const added: Asking = { endpoint, answers: [answer] };
      if (running) running.set(key, added);
      else {
        this.#asking.set(host, new Map([[key, added]]));
        this.#ask(host);
      }
    }
  }

  /** What has been found for a host that was asked for. */
  answered(host: string, found: FoundHost): void {
    const asking = this.#asking.get(host)?.values() ?? [];
    this.#asking.delete(host);
    for (const { endpoint, answers } of asking) {
      const result = typeof found === 'string' ? found : this.#keep(endpoint, found);
      for (const answer of answers) answer(result);
    }
  }

  /** Dialling the endpoint has failed: its name is looked up again, and the next of its addresses is tried first. */
  dialFailed(endpoint: Endpoint): void {
    const key = keyOf(endpoint);
    const known = this.#known.get(key);
    if (!known) return;
    this.#known.delete(key);
    if (known.addresses.length > 1) this.#skips.set(key, (this.#skips.get(key) ?? 0) + 1);
  }

  #keep(endpoint: Endpoint, found: readonly string[]): LookupResult {
    if (found.some((address) => this.#own.has({ host: address, port: endpoint.port }))) return whyOwn;
    const addresses = found.flatMap((address) => inetAddress(address, endpoint.port) ?? []);
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
