import { isDeepStrictEqual } from 'node:util';
import type { ListenerConfig } from '../config/types.ts';
import { messageOf, TunnelError } from '../errors.ts';
import { Backoff } from '../lifecycle/backoff.ts';
import { sleep } from '../lifecycle/sleep.ts';
import { formatListenAddress, isLoopback, type ListenAddress } from '../net/endpoint.ts';
import type { EngineListener, EngineTunnel } from '../relay/core/engine.ts';
import type { Log } from '../telemetry/log.ts';
import type { ListenerView } from './tunnel-view.ts';

const firstBindRetryMs = 500;
const mostBindRetryMs = 10_000;

/** One configured listener: open, or retried until it opens or is removed. */
interface Configured {
  config: ListenerConfig;
  /** Aborts when the listener is removed. */
  readonly removal: AbortController;
  listener: EngineListener | undefined;
  /** Why the last attempt failed. */
  failure: string | undefined;
  /** Settles when it is open or removed. */
  opening: Promise<void>;
}

/**
 * The listeners of one tunnel. A failed one is retried while the others are open.
 */
export class Listeners {
  readonly #database: string;
  readonly #relay: EngineTunnel;
  readonly #log: Log;
  readonly #handed: Map<ListenerConfig, number>;
  #configured: readonly Configured[] = [];

  /** @param handed descriptors of sockets that are already listening; each is removed once it is used */
  constructor(database: string, relay: EngineTunnel, log: Log, handed: Map<ListenerConfig, number>) {
    this.#handed = handed;
    this.#database = database;
    this.#relay = relay;
    this.#log = log;
  }

  /**
   * Closes listeners that are removed or changed; replaces certificates in place. Resolves when their addresses are free; their
   * sessions continue.
   */
  async keep(configured: readonly ListenerConfig[]): Promise<void> {
    const left = [...configured];
    const kept: Configured[] = [];
    const gone: Configured[] = [];
    for (const each of this.#configured) {
      const same = left.findIndex((config) => isDeepStrictEqual(config, each.config));
      const at = same >= 0 ? same : left.findIndex((config) => differsInCertificates(config, each.config));
      const [config] = at < 0 ? [] : left.splice(at, 1);
      if (!config) {
        gone.push(each);
        continue;
      }
      each.config = config;
      if (same < 0) each.listener?.renew?.(config);
      kept.push(each);
    }
    this.#configured = kept;
    await Promise.all(gone.map((each) => this.#close(each)));
  }

  /**
   * Opens the listeners that are not open yet, and resolves after the first attempt of each.
   *
   * @returns the failures; they are retried in the background
   */
  async open(configured: readonly ListenerConfig[]): Promise<readonly TunnelError[]> {
    const left = [...this.#configured];
    const fresh: Configured[] = [];
    this.#configured = configured.map((config) => {
      const at = left.findIndex((each) => isDeepStrictEqual(each.config, config));
      const known = at < 0 ? undefined : left.splice(at, 1)[0];
      if (known) return known;
      const removal = new AbortController();
      const added: Configured = {
        config,
        removal,
        listener: undefined,
        failure: undefined,
        opening: Promise.resolve(),
      };
      fresh.push(added);
      return added;
    });
    const failures = await Promise.all(fresh.map((each) => this.#open(each)));
    return failures.filter((failure) => failure !== undefined);
  }

  /** The open addresses, in the order of the configuration. */
  get listening(): readonly ListenAddress[] {
    return this.#configured.flatMap(({ listener }) => (listener ? [listener.address] : []));
  }

  /** The state of each configured listener. */
  views(): readonly ListenerView[] {
    return this.#configured.map(({ config, listener, failure }) => ({
      address: listener?.address ?? config.address,
      isOpen: listener !== undefined,
      trouble: failure,
    }));
  }

  /** Stops opening listeners. Open ones stay open. */
  async end(): Promise<void> {
    for (const { removal } of this.#configured) removal.abort();
    await Promise.all(this.#configured.map(({ opening }) => opening));
  }

  /** @returns the failure of the first attempt */
  async #open(configured: Configured): Promise<TunnelError | undefined> {
    const first = this.#attempt(configured);
    configured.opening = first.then(() => undefined);
    const failure = await first;
    if (!failure || configured.removal.signal.aborted) return undefined;
    this.#logFailure(configured, failure);
    configured.opening = this.#retry(configured, messageOf(failure));
    return failure;
  }

  async #retry(configured: Configured, firstFailure: string): Promise<void> {
    const backoff = new Backoff(firstBindRetryMs, mostBindRetryMs);
    const { signal } = configured.removal;
    let logged = firstFailure;
    for (;;) {
      try {
        await sleep(backoff.next(), signal);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      const failure = await this.#attempt(configured);
      if (!failure) return;
      // The same failure is not logged again every ten seconds.
      if (failure.message !== logged) this.#logFailure(configured, failure);
      logged = failure.message;
    }
  }

  async #attempt(configured: Configured): Promise<TunnelError | undefined> {
    const handed = this.#handed.get(configured.config);
    this.#handed.delete(configured.config);
    let listener: EngineListener;
    try {
      listener = await this.#relay.listen(configured.config, handed);
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      // The tunnel closed meanwhile.
      if (error.code === 'ST_CLOSED') return undefined;
      configured.failure = reasonOf(error);
      return error;
    }
    if (configured.removal.signal.aborted) {
      await listener.close();
      return undefined;
    }
    configured.listener = listener;
    configured.failure = undefined;
    const address = formatListenAddress(listener.address);
    this.#log.info('listener.opened', {
      database: this.#database,
      address,
      ...(handed !== undefined && { handed: true }),
    });
    if (
      listener.address.kind === 'tcp' &&
      configured.config.allow.length === 0 &&
      configured.config.tls?.clientCa === undefined &&
      !isLoopback(listener.address.host)
    )
      this.#log.warn('listener.exposed', { database: this.#database, address });
    return undefined;
  }

  async #close({ removal, opening, listener }: Configured): Promise<void> {
    removal.abort();
    await opening;
    if (!listener) return;
    await listener.close();
    const address = formatListenAddress(listener.address);
    this.#log.info('listener.closed', { database: this.#database, address });
  }

  #logFailure({ config }: Configured, failure: TunnelError): void {
    const address = formatListenAddress(config.address);
    this.#log.error('listener.failed', { database: this.#database, address, reason: reasonOf(failure) });
  }
}

/** The reason of a failure, for a sentence that already names the address. */
function reasonOf({ message }: Error): string {
  return message.replace(/^Cannot listen on "[^"]*": /, '');
}

/** Whether two listeners both use TLS and differ in nothing but their TLS settings. */
function differsInCertificates(one: ListenerConfig, other: ListenerConfig): boolean {
  const { tls, ...rest } = one;
  const { tls: otherTls, ...otherRest } = other;
  return tls !== undefined && otherTls !== undefined && isDeepStrictEqual(rest, otherRest);
}
