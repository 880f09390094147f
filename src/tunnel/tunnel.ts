import type { DatabaseConfig } from '../config/config.ts';
import { messageOf } from '../errors.ts';
import { formatListenAddress, isLoopback, type ListenAddress } from '../net/endpoint.ts';
import type { Engine, EngineTunnel, Route, TunnelCounters, TunnelEvent } from '../relay/engine.ts';
import type { Sentinels } from '../sentinel/sentinels.ts';
import type { MasterView } from '../sentinel/view.ts';
import type { MasterWatch } from '../sentinel/watch.ts';
import type { Log } from '../telemetry/log.ts';
import { Chronicle } from './chronicle.ts';
import { routeOf, sameRoute } from './route.ts';
import type { FailoverStory } from './story.ts';
import type { TunnelView } from './tunnel-view.ts';

/**
 * One database joined to its listeners: what the watch believes becomes what the engine does, and what the engine
 * meets becomes a hint to the watch.
 */
export class Tunnel {
  readonly database: DatabaseConfig;
  readonly #log: Log;
  readonly #chronicle: Chronicle;
  readonly #watch: MasterWatch;
  #relay: EngineTunnel | undefined;
  #route: Route | undefined;
  #trouble: string | undefined;
  #isEnding = false;

  constructor(database: DatabaseConfig, sentinels: Sentinels, log: Log) {
    this.database = database;
    this.#log = log;
    this.#chronicle = new Chronicle(database.name, log);
    this.#watch = sentinels.watch(database, (event) => {
      if (event.kind === 'view') {
        this.#chronicle.turned(event.view, event.before);
        this.#steer(event.view); // before the log is written: sessions are cut first
      }
      this.#chronicle.watched(event);
    });
  }

  /**
   * Opens the listeners. May be tried again after it has failed.
   *
   * @throws TunnelError `ST_LISTEN_FAILED`
   */
  async open(engine: Engine): Promise<void> {
    const { name, listen, holdMs, holdMax, dialMs, maxConnections, idleMs } = this.database;
    const spec = {
      name,
      listen,
      holdMs,
      holdMax,
      dialMs,
      maxConnections,
      idleMs,
      tellSessions: this.#log.isDebugging,
    };
    const relay = await engine
      .open(spec, (event) => {
        this.#relayed(event);
      })
      .catch((error: unknown) => {
        this.#trouble = messageOf(error);
        throw error;
      });
    this.#trouble = undefined;
    if (this.#isEnding) {
      await relay.close(); // a stop was asked for while it opened
      return;
    }
    this.#relay = relay;
    this.#steer(this.#watch.view());
    for (const address of relay.listening) {
      this.#log.info('listener.opened', { database: name, address: formatListenAddress(address) });
    }
    for (const [index, { allow }] of listen.entries()) {
      const address = relay.listening[index];
      if (address?.kind === 'tcp' && allow.length === 0 && !isLoopback(address.host))
        this.#log.warn('listener.exposed', { database: name, address: formatListenAddress(address) });
    }
  }

  /** The addresses bound; none before `open`. */
  get listening(): readonly ListenAddress[] {
    return this.#relay?.listening ?? [];
  }

  view(): MasterView {
    return this.#watch.view();
  }

  counters(): TunnelCounters | undefined {
    return this.#relay?.counters();
  }

  stories(): readonly FailoverStory[] {
    return this.#chronicle.stories();
  }

  /** All that an operator may want to know of it. */
  overview(): TunnelView {
    const { name, listen } = this.database;
    return {
      name,
      listen: listen.map(({ address }) => address),
      listening: this.#isEnding ? [] : this.listening,
      trouble: this.#isEnding ? 'closing' : this.#trouble,
      view: this.#watch.view(),
      since: this.#chronicle.since(),
      counters: this.counters(),
      durations: this.#relay?.durations(),
      failovers: this.#chronicle.counts(),
      lastStory: this.stories().at(-1),
    };
  }

  /** Stops accepting; resolves when the last session has ended. */
  async drain(): Promise<void> {
    this.#isEnding = true;
    await this.#relay?.drain();
  }

  /** Cuts what is left. The watch belongs to the Sentinels and closes with them. */
  async close(): Promise<void> {
    this.#isEnding = true;
    await this.#relay?.close();
    this.#chronicle.close();
  }

  #steer(view: MasterView): void {
    const route = routeOf(view);
    if (!this.#relay || (this.#route && sameRoute(route, this.#route))) return;
    this.#route = route;
    this.#relay.steer(route);
  }

  #relayed(event: TunnelEvent): void {
    if (event.kind === 'dial-failed' || event.kind === 'doubt') this.#watch.suspect(event.endpoint);
    this.#chronicle.relayed(event);
  }
}
