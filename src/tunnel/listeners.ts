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

/** One listener that is wanted: open, or tried again until it is or nobody wants it any more. */
interface Wanted {
  config: ListenerConfig;
  readonly unwanted: AbortController;
  listener: EngineListener | undefined;
  /** Why the last try failed. */
  failure: string | undefined;
  /** The tries to open it; over when it is open, or not wanted any more. */
  opening: Promise<void>;
}

/**
 * The listeners of one tunnel. Each stands for itself: one whose address is taken is tried again and again, and the
 * others are open meanwhile.
 */
export class Listeners {
  readonly #database: string;
  readonly #relay: EngineTunnel;
  readonly #log: Log;
  readonly #handed: Map<ListenerConfig, number>;
  #wanted: readonly Wanted[] = [];

  /** @param handed descriptors of sockets that listen already; one that has been used is taken out */
  constructor(database: string, relay: EngineTunnel, log: Log, handed: Map<ListenerConfig, number>) {
    this.#handed = handed;
    this.#database = database;
    this.#relay = relay;
    this.#log = log;
  }

  /**
   * Closes those that are not among the wanted ones, or are wanted otherwise; other certificates are taken over in place. Resolves when their addresses are free;
   * their sessions go on.
   */
  async keep(wanted: readonly ListenerConfig[]): Promise<void> {
    const left = [...wanted];
    const kept: Wanted[] = [];
    const gone: Wanted[] = [];
    for (const each of this.#wanted) {
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
    this.#wanted = kept;
    await Promise.all(gone.map((each) => this.#close(each)));
  }

  /**
   * Opens those that are wanted and not there yet, and resolves when each has been tried once.
   *
   * @returns what went wrong; it is tried again in the background
   */
  async open(wanted: readonly ListenerConfig[]): Promise<readonly TunnelError[]> {
    const left = [...this.#wanted];
    const fresh: Wanted[] = [];
    this.#wanted = wanted.map((config) => {
      const at = left.findIndex((each) => isDeepStrictEqual(each.config, config));
      const known = at < 0 ? undefined : left.splice(at, 1)[0];
      if (known) return known;
      const unwanted = new AbortController();
      const added: Wanted = {
        config,
        unwanted,
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

  /** The addresses that are open, in the order in which they are wanted. */
  get listening(): readonly ListenAddress[] {
    return this.#wanted.flatMap(({ listener }) => (listener ? [listener.address] : []));
  }

  /** Each that is wanted, and how it stands. */
  views(): readonly ListenerView[] {
    return this.#wanted.map(({ config, listener, failure }) => ({
      address: listener?.address ?? config.address,
      isOpen: listener !== undefined,
      trouble: failure,
    }));
  }

  /** No listener is opened any more. */
  async end(): Promise<void> {
    for (const { unwanted } of this.#wanted) unwanted.abort();
    await Promise.all(this.#wanted.map(({ opening }) => opening));
  }

  /** @returns why not, at the first try */
  async #open(wanted: Wanted): Promise<TunnelError | undefined> {
    const first = this.#try(wanted);
    wanted.opening = first.then(() => undefined);
    const failure = await first;
    if (!failure || wanted.unwanted.signal.aborted) return undefined;
    this.#logFailure(wanted, failure);
    wanted.opening = this.#tryAgain(wanted, messageOf(failure));
    return failure;
  }

  async #tryAgain(wanted: Wanted, firstFailure: string): Promise<void> {
    const backoff = new Backoff(firstBindRetryMs, mostBindRetryMs);
    const { signal } = wanted.unwanted;
    let told = firstFailure;
    for (;;) {
      try {
        await sleep(backoff.next(), signal);
      } catch (error) {
        if (signal.aborted) return;
        throw error;
      }
      const failure = await this.#try(wanted);
      if (!failure) return;
      // An operator does not need the same line every ten seconds.
      if (failure.message !== told) this.#logFailure(wanted, failure);
      told = failure.message;
    }
  }

  async #try(wanted: Wanted): Promise<TunnelError | undefined> {
    const handed = this.#handed.get(wanted.config);
    this.#handed.delete(wanted.config);
    let listener: EngineListener;
    try {
      listener = await this.#relay.listen(wanted.config, handed);
    } catch (error) {
      if (!(error instanceof TunnelError)) throw error;
      // Closed meanwhile: nobody wants it any more.
      if (error.code === 'ST_CLOSED') return undefined;
      wanted.failure = whyAlone(error);
      return error;
    }
    if (wanted.unwanted.signal.aborted) {
      await listener.close();
      return undefined;
    }
    wanted.listener = listener;
    wanted.failure = undefined;
    const address = formatListenAddress(listener.address);
    this.#log.info('listener.opened', {
      database: this.#database,
      address,
      ...(handed !== undefined && { handed: true }),
    });
    if (
      listener.address.kind === 'tcp' &&
      wanted.config.allow.length === 0 &&
      wanted.config.tls?.clientCa === undefined &&
      !isLoopback(listener.address.host)
    )
      this.#log.warn('listener.exposed', { database: this.#database, address });
    return undefined;
  }

  async #close({ unwanted, opening, listener }: Wanted): Promise<void> {
    unwanted.abort();
    await opening;
    if (!listener) return;
    await listener.close();
    const address = formatListenAddress(listener.address);
    this.#log.info('listener.closed', { database: this.#database, address });
  }

  #logFailure({ config }: Wanted, failure: TunnelError): void {
    const address = formatListenAddress(config.address);
    this.#log.error('listener.failed', { database: this.#database, address, reason: whyAlone(failure) });
  }
}

/** Why it does not listen, for a sentence that has named the address already. */
function whyAlone({ message }: Error): string {
  return message.replace(/^Cannot listen on "[^"]*": /, '');
}

/** Whether two listeners speak TLS, and are the same but for how. */
function differsInCertificates(one: ListenerConfig, other: ListenerConfig): boolean {
  const { tls, ...rest } = one;
  const { tls: otherTls, ...otherRest } = other;
  return tls !== undefined && otherTls !== undefined && isDeepStrictEqual(rest, otherRest);
}
