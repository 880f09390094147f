import { isDeepStrictEqual } from 'node:util';
import { clientLimitsOf, type DatabaseConfig, type ListenerConfig } from '../config/types.ts';
import { TunnelError } from '../errors.ts';
import type { ListenAddress } from '../net/endpoint.ts';
import { isOwnShortage } from '../net/errno.ts';
import { speaksTls } from '../net/tls.ts';
import type {
  Engine,
  EngineTunnel,
  Route,
  TunnelCommand,
  TunnelCounters,
  TunnelEvent,
  TunnelLimits,
} from '../relay/core/engine.ts';
import type { Promotable } from '../sentinel/members/promotable.ts';
import type { Sentinels } from '../sentinel/members/sentinels.ts';
import type { MasterView } from '../sentinel/decision/view.ts';
import type { MasterWatch } from '../sentinel/watch.ts';
import type { Log } from '../telemetry/log.ts';
import { Chronicle } from './chronicle.ts';
import { assertFollowed, backlogBytes, confirmedMaster } from './fitness.ts';
import { Listeners } from './listeners.ts';
import { LivenessCheck } from './liveness-check.ts';
import { failOverGracefully, type GracefulOutcome, type GracefulPort, type Patience } from './graceful.ts';
import { OperatorHold, type HoldView } from './operator-hold.ts';
import { ReplicationLine } from './replication-line.ts';
import { routeOf, sameRoute } from './route.ts';
import type { FailoverStory } from './story.ts';
import type { ListenerView, TunnelReading, TunnelView } from './tunnel-view.ts';

/**
 * One database joined to its listeners: what the watch believes becomes what the engine does, and what the engine
 * meets becomes a hint to the watch.
 */
export class Tunnel {
  readonly #log: Log;
  readonly #chronicle: Chronicle;
  readonly #sentinels: Sentinels;
  readonly #watch: MasterWatch;
  readonly #handed: Map<ListenerConfig, number>;
  #database: DatabaseConfig;
  readonly #livenessCheck: LivenessCheck;
  /** Who waits for an event, by its kind. */
  readonly #waiting = new Map<TunnelEvent['kind'], ((event: TunnelEvent) => void)[]>();
  #relay: EngineTunnel | undefined;
  #listeners: Listeners | undefined;
  #route: Route | undefined;
  readonly #hold: OperatorHold;
  #isFailingOver = false;
  #isEnding = false;
  #closing: Promise<void> | undefined;
  /** While the engine has been steered by a view that is not recorded yet: the counters before, and its events since. */
  #unrecorded: { readonly counters: TunnelCounters | undefined; readonly events: TunnelEvent[] } | undefined;

  /** @param handed descriptors of sockets that listen already */
  constructor(
    database: DatabaseConfig,
    sentinels: Sentinels,
    log: Log,
    handed = new Map<ListenerConfig, number>(),
  ) {
    this.#handed = handed;
    this.#database = database;
    this.#log = log;
    this.#sentinels = sentinels;
    this.#chronicle = new Chronicle(database.name, log, {
      holdMs: () => this.#database.holdMs,
      counters: () => this.counters(),
    });
    this.#hold = new OperatorHold(
      () => this.#database.holdMs,
      () => {
        this.#released('its time is over');
      },
    );
    this.#watch = sentinels.watch(database, {
      steer: (view) => {
        this.#unrecorded = { counters: this.counters(), events: [] };
        this.#steer(view);
      },
      report: (event) => {
        const unrecorded = this.#unrecorded;
        if (event.kind === 'view' && unrecorded) {
          this.#unrecorded = undefined;
          this.#chronicle.turned(event.view, event.before, unrecorded.counters);
          for (const each of unrecorded.events) this.#chronicle.relayed(each);
        }
        this.#chronicle.watched(event);
      },
    });
    this.#livenessCheck = new LivenessCheck(
      (endpoint) => this.#watch.verify(endpoint),
      (clients) => {
        // Where the server is dead, the view has changed by now and with it the route.
        this.#relay?.apply({ kind: 'trust', clients });
      },
    );
  }

  /** The master name of its database. */
  get name(): string {
    return this.#database.name;
  }

  /** As it was configured last. */
  get database(): DatabaseConfig {
    return this.#database;
  }

  /**
   * Opens the listeners. One that cannot be opened is tried again until it can; the others are open meanwhile.
   *
   * @returns what went wrong at the first try, a failure for each listener
   */
  async open(engine: Engine): Promise<readonly TunnelError[]> {
    const { name, listen } = this.#database;
    const spec = { name, listen: [], needsTls: speaksTls(this.#database), ...this.#limits() };
    const relay = await engine.open(spec, (event) => {
      this.#relayed(event);
    });
    this.#relay = relay;
    if (this.#isEnding) {
      await this.#ask({ kind: 'close' }, 'closed'); // a stop was asked for while it opened
      return [];
    }
    this.#listeners = new Listeners(name, relay, this.#log, this.#handed);
    this.#steer(this.#watch.view());
    return await this.#listeners.open(listen);
  }

  /** The addresses that are listened on; none before `open`. */
  get listening(): readonly ListenAddress[] {
    return this.#listeners?.listening ?? [];
  }

  /**
   * Takes over a new configuration of the same database, up to what it has to free for others: limits and rules change
   * in place, listeners that are not in it close. No session is cut.
   */
  async adjust(database: DatabaseConfig): Promise<void> {
    const before = this.#database;
    this.#database = database;
    const { name, failover, onSentinelLoss, redis } = database;
    this.#watch.adjust({ name, failover, onSentinelLoss });
    if (!isDeepStrictEqual(redis, before.redis)) this.#watch.renew(redis);
    this.#relay?.apply({ kind: 'limits', limits: this.#limits() });
    await this.#listeners?.keep(database.listen);
  }

  /** Opens the listeners of the configuration that are not open yet; to be called after `adjust`. */
  async extend(): Promise<void> {
    if (!this.#isEnding) await this.#listeners?.open(this.#database.listen);
  }

  /** Closes the listeners, and resolves when their addresses are free. Sessions go on. */
  async unlisten(): Promise<void> {
    await this.#listeners?.keep([]);
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

  /** What is sampled of it every second. */
  reading(): TunnelReading {
    return {
      name: this.name,
      isServing: this.view().phase.kind === 'serving',
      since: this.#chronicle.since(),
      counters: this.counters(),
    };
  }

  /** All that an operator may want to know of it. */
  overview(): TunnelView {
    const { name, listen } = this.#database;
    const closed = listen.map(({ address }): ListenerView => ({
      address,
      isOpen: false,
      trouble: undefined,
    }));
    return {
      name,
      listeners: this.#isEnding ? closed : (this.#listeners?.views() ?? closed),
      view: this.#watch.view(),
      replicas: this.#watch.replicas(),
      absent: this.#watch.absent(),
      since: this.#chronicle.since(),
      counters: this.counters(),
      durations: this.#relay?.durations(),
      failovers: this.#chronicle.counts(),
      hold: this.#hold.view,
      lastStory: this.stories().at(-1),
    };
  }

  /**
   * Lets new clients wait, whatever is known of the master; sessions go on.
   *
   * @param ms how long at most, in milliseconds
   */
  hold(ms: number, reason: string): HoldView {
    const view = this.#hold.begin(ms, reason);
    this.#log.warn('database.held', { database: this.#database.name, until: view.until, reason });
    this.#steer(this.#watch.view());
    return view;
  }

  /** Ends such a hold. @returns whether there was one */
  release(): boolean {
    return this.#endHold('it was released');
  }

  /**
   * Has a Sentinel begin a failover.
   *
   * @param isForced whether it is begun without a look whether every replica that may be promoted follows the master
   * @returns which one has begun it
   * @throws TunnelError `ST_FAILOVER_FAILED` with what such a look has found, or what Sentinel has against it
   */
  async failOver(isForced: boolean): Promise<string> {
    return await this.#withFailover(async () => {
      if (!isForced)
        await this.#assertFit().catch((error: unknown) => {
          if (!(error instanceof TunnelError)) throw error;
          throw new TunnelError(error.code, `${error.message}; with "force" Sentinel is asked all the same`);
        });
      return await this.#orderFailover();
    });
  }

  /**
   * Fails over with a pause instead of cut commands: see `graceful.ts`.
   *
   * @throws TunnelError `ST_FAILOVER_FAILED`, or what Sentinel has against it
   */
  async failOverGracefully(patience: Patience): Promise<GracefulOutcome> {
    return await this.#withFailover(async () => {
      const { name } = this.#database;
      if (!this.#relay || this.#hold.view) throw this.#noFailover('it is held, or not open');
      const port: GracefulPort = {
        name,
        access: this.#database.redis,
        view: () => this.#watch.view(),
        hold: (ms) => {
          const reason = 'a graceful failover is under way';
          const { until } = this.#hold.begin(ms, reason, this.#watch.view().generation);
          this.#log.warn('database.held', { database: name, until, reason });
          this.#steer(this.#watch.view());
        },
        release: () => {
          this.#endHold('the graceful failover is over');
        },
        quiesce: async (withinMs) => {
          const outcome = await this.#ask({ kind: 'freeze', withinMs }, 'frozen');
          return { resting: outcome?.answered ?? 0, busy: outcome?.unanswered ?? 0 };
        },
        promotable: () => this.#promotable(),
        lastStory: () => this.stories().at(-1),
      };
      return await failOverGracefully(port, patience, () => this.#orderFailover());
    });
  }

  /** Cuts every session, and gives how many there were: their clients reconnect. */
  async cut(): Promise<number> {
    const count = (await this.#ask({ kind: 'evict' }, 'evicted'))?.cut ?? 0;
    this.#log.warn('database.cut', { database: this.#database.name, count });
    return count;
  }

  /** Stops accepting; resolves when the last session has ended. */
  async drain(): Promise<void> {
    this.#isEnding = true;
    await Promise.all([this.#listeners?.end(), this.#ask({ kind: 'drain' }, 'drained')]);
  }

  /** Cuts what is left and stops watching its master. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isEnding = true;
    this.#hold.end();
    await Promise.all([this.#listeners?.end(), this.#ask({ kind: 'close' }, 'closed')]);
    this.#sentinels.unwatch(this.#watch);
    this.#chronicle.close();
  }

  /** One at a time; what is refused is in the log too. */
  async #withFailover<Outcome>(begin: () => Promise<Outcome>): Promise<Outcome> {
    try {
      if (this.#isFailingOver) throw this.#noFailover('another failover is being asked for');
      this.#isFailingOver = true;
      return await begin().finally(() => (this.#isFailingOver = false));
    } catch (error) {
      if (error instanceof TunnelError)
        this.#log.warn('failover.refused', { database: this.name, reason: error.message });
      throw error;
    }
  }

  async #assertFit(): Promise<void> {
    const { name, redis: access } = this.#database;
    const { generation } = this.#watch.view();
    const master = new ReplicationLine(confirmedMaster(name, this.#watch.view()), access);
    const isCurrent = (): boolean => this.#watch.view().generation === generation;
    try {
      const promotable = (): Promise<readonly Promotable[] | undefined> => this.#promotable();
      await assertFollowed({ name, access, master, promotable, isCurrent }, backlogBytes);
    } finally {
      master.close();
    }
  }

  async #promotable(): Promise<readonly Promotable[] | undefined> {
    return await this.#sentinels.promotable(this.name, this.#database.redis.port);
  }

  async #orderFailover(): Promise<string> {
    const sentinel = await this.#sentinels.failover(this.name);
    this.#log.info('failover.ordered', { database: this.name, sentinel });
    return sentinel;
  }

  #noFailover(why: string): TunnelError {
    return new TunnelError('ST_FAILOVER_FAILED', `Cannot fail "${this.name}" over: ${why}`);
  }

  #limits(): TunnelLimits {
    const { redis } = this.#database;
    return {
      ...clientLimitsOf(this.#database),
      ...(redis.tls && { upstreamTls: redis.tls }),
      reportsSessions: this.#log.isDebugging,
    };
  }

  #steer(view: MasterView): void {
    const route = this.#hold.over(routeOf(view));
    if (!this.#relay || (this.#route && sameRoute(route, this.#route))) return;
    this.#route = route;
    this.#relay.apply({ kind: 'steer', route });
  }

  #endHold(why: string): boolean {
    const wasHeld = this.#hold.end();
    if (wasHeld) this.#released(why);
    return wasHeld;
  }

  #released(why: string): void {
    this.#log.info('database.released', { database: this.#database.name, why });
    this.#steer(this.#watch.view());
  }

  #relayed(event: TunnelEvent): void {
    // Our own shortage is no sign of how the master does.
    if ((event.kind === 'dial-failed' && !isOwnShortage(event.code)) || event.kind === 'suspect-reply')
      this.#watch.suspect(event.endpoint);
    if (event.kind === 'dropped') this.#livenessCheck.dropped(event.endpoint, event.client);
    for (const answered of this.#waiting.get(event.kind)?.splice(0) ?? []) answered(event);
    if (this.#unrecorded) this.#unrecorded.events.push(event);
    else this.#chronicle.relayed(event);
  }

  /** Gives the engine a command, and resolves with the event that answers it; at once where there is nothing to close. */
  #ask<K extends TunnelEvent['kind']>(
    command: TunnelCommand,
    kind: K,
  ): Promise<Extract<TunnelEvent, { kind: K }> | undefined> {
    return new Promise((resolve) => {
      if (!this.#relay) {
        resolve(undefined);
        return;
      }
      const waiting = this.#waiting.get(kind) ?? [];
      this.#waiting.set(kind, waiting);
      waiting.push((event) => {
        resolve(event as Extract<TunnelEvent, { kind: K }>);
      });
      this.#relay.apply(command);
    });
  }
}
