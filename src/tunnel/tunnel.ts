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
import { TunnelReporter } from './tunnel-reporter.ts';
import { assertFollowed, backlogBytes, confirmedMaster } from './candidates.ts';
import { Listeners } from './listeners.ts';
import { LivenessCheck } from './liveness-check.ts';
import {
  failOverGracefully,
  type GracefulOutcome,
  type GracefulCallbacks,
  type FailoverWaits,
} from './graceful.ts';
import { OperatorHold, type HoldView, routeOf, sameRoute } from './route.ts';
import { ReplicationConnection } from './replication.ts';
import type { FailoverRecord } from './failover-record.ts';
import type { ListenerView, TunnelReading, TunnelView } from './tunnel-view.ts';

/**
 * One database with its listeners. Views of the watch become routes of the engine, and failures that the engine sees become hints
 * for the watch.
 */
export class Tunnel {
  readonly #log: Log;
  readonly #reporter: TunnelReporter;
  readonly #sentinels: Sentinels;
  readonly #watch: MasterWatch;
  readonly #handed: Map<ListenerConfig, number>;
  #database: DatabaseConfig;
  readonly #livenessCheck: LivenessCheck;
  /** Callbacks that wait for an event, by its kind. */
  readonly #waiting = new Map<TunnelEvent['kind'], ((event: TunnelEvent) => void)[]>();
  #relay: EngineTunnel | undefined;
  #listeners: Listeners | undefined;
  #route: Route | undefined;
  readonly #hold: OperatorHold;
  #isFailingOver = false;
  #isEnding = false;
  #closing: Promise<void> | undefined;
  /** While a view that steered the engine is not recorded yet: the counters before it, and the events since. */
  #unrecorded: { readonly counters: TunnelCounters | undefined; readonly events: TunnelEvent[] } | undefined;

  /** @param handed descriptors of sockets that are already listening */
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
    this.#reporter = new TunnelReporter(database.name, log, {
      holdMs: () => this.#database.holdMs,
      counters: () => this.counters(),
    });
    this.#hold = new OperatorHold(
      () => this.#database.holdMs,
      () => {
        this.#released('it expired');
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
          this.#reporter.viewChanged(event.view, event.before, unrecorded.counters);
          for (const each of unrecorded.events) this.#reporter.relayed(each);
        }
        this.#reporter.watched(event);
      },
    });
    this.#livenessCheck = new LivenessCheck(
      (endpoint) => this.#watch.verify(endpoint),
      (clients) => {
        // If the server is down, the view and the route have changed by now.
        this.#relay?.apply({ kind: 'trust', clients });
      },
    );
  }

  /** The master name. */
  get name(): string {
    return this.#database.name;
  }

  /** The present configuration. */
  get database(): DatabaseConfig {
    return this.#database;
  }

  /**
   * Opens the listeners. Retries one that cannot be opened; the others are open meanwhile.
   *
   * @returns the failures of the first attempt, one for each listener
   */
  async open(engine: Engine): Promise<readonly TunnelError[]> {
    const { name, listen } = this.#database;
    const spec = { name, listen: [], needsTls: speaksTls(this.#database), ...this.#limits() };
    const relay = await engine.open(spec, (event) => {
      this.#relayed(event);
    });
    this.#relay = relay;
    if (this.#isEnding) {
      await this.#command({ kind: 'close' }, 'closed'); // it was closed while it opened
      return [];
    }
    this.#listeners = new Listeners(name, relay, this.#log, this.#handed);
    this.#steer(this.#watch.view());
    return await this.#listeners.open(listen);
  }

  /** The open addresses; none before `open`. */
  get listening(): readonly ListenAddress[] {
    return this.#listeners?.listening ?? [];
  }

  /**
   * Applies a new configuration of the same database except for new listeners: limits and rules change in place, listeners that it
   * does not have close. Cuts no session.
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

  /** Opens the listeners of the configuration that are not open yet. Call it after `adjust`. */
  async extend(): Promise<void> {
    if (!this.#isEnding) await this.#listeners?.open(this.#database.listen);
  }

  /** Closes the listeners, and resolves when their addresses are free. Sessions continue. */
  async unlisten(): Promise<void> {
    await this.#listeners?.keep([]);
  }

  view(): MasterView {
    return this.#watch.view();
  }

  counters(): TunnelCounters | undefined {
    return this.#relay?.counters();
  }

  records(): readonly FailoverRecord[] {
    return this.#reporter.records();
  }

  /** The values that the history samples every second. */
  reading(): TunnelReading {
    return {
      name: this.name,
      isServing: this.view().phase.kind === 'serving',
      since: this.#reporter.since(),
      counters: this.counters(),
    };
  }

  /** Everything that the admin listener shows of it. */
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
      since: this.#reporter.since(),
      counters: this.counters(),
      durations: this.#relay?.durations(),
      failovers: this.#reporter.counts(),
      hold: this.#hold.view,
      lastRecord: this.records().at(-1),
    };
  }

  /**
   * Makes new clients wait although the master is known; sessions continue.
   *
   * @param ms when the hold expires, in milliseconds from now
   * @param reason for the log and the status
   */
  hold(ms: number, reason: string): HoldView {
    const view = this.#hold.begin(ms, reason);
    this.#log.warn('database.held', { database: this.#database.name, until: view.until, reason });
    this.#steer(this.#watch.view());
    return view;
  }

  /** Ends a hold. @returns whether there was one */
  release(): boolean {
    return this.#endHold('released by an operator');
  }

  /**
   * Asks a Sentinel to begin a failover.
   *
   * @param isForced skip the check that every replica that may be promoted follows the master
   * @returns the Sentinel that began it
   * @throws TunnelError `ST_FAILOVER_FAILED` with the result of that check, or the reason of Sentinel
   */
  async failOver(isForced: boolean): Promise<string> {
    return await this.#withFailover(async () => {
      if (!isForced)
        await this.#assertReplicasFollow().catch((error: unknown) => {
          if (!(error instanceof TunnelError)) throw error;
          throw new TunnelError(error.code, `${error.message}; "force" skips this check`);
        });
      return await this.#commandFailover();
    });
  }

  /**
   * Fails over with a pause instead of cut commands: see `graceful.ts`.
   *
   * @returns how it went, once it is over
   * @throws TunnelError `ST_FAILOVER_FAILED` with the reason
   */
  async failOverGracefully(waits: FailoverWaits): Promise<GracefulOutcome> {
    return await this.#withFailover(async () => {
      const { name } = this.#database;
      if (!this.#relay || this.#hold.view) throw this.#refusal('it is held, or not open');
      const callbacks: GracefulCallbacks = {
        name,
        access: this.#database.redis,
        view: () => this.#watch.view(),
        hold: (ms) => {
          const reason = 'a graceful failover is in progress';
          const { until } = this.#hold.begin(ms, reason, this.#watch.view().generation);
          this.#log.warn('database.held', { database: name, until, reason });
          this.#steer(this.#watch.view());
        },
        release: () => {
          this.#endHold('the graceful failover is over');
        },
        freeze: async (withinMs) => {
          const outcome = await this.#command({ kind: 'freeze', withinMs }, 'frozen');
          return { resting: outcome?.answered ?? 0, busy: outcome?.unanswered ?? 0 };
        },
        promotable: () => this.#promotable(),
        lastRecord: () => this.records().at(-1),
      };
      return await failOverGracefully(callbacks, waits, () => this.#commandFailover());
    });
  }

  /** Cuts every session, so that clients reconnect. @returns how many there were */
  async cut(): Promise<number> {
    const count = (await this.#command({ kind: 'evict' }, 'evicted'))?.cut ?? 0;
    this.#log.warn('database.cut', { database: this.#database.name, count });
    return count;
  }

  /** Stops accepting; resolves when the last session has ended. */
  async drain(): Promise<void> {
    this.#isEnding = true;
    await Promise.all([this.#listeners?.end(), this.#command({ kind: 'drain' }, 'drained')]);
  }

  /** Cuts the remaining sessions and stops watching the master. Idempotent. */
  close(): Promise<void> {
    this.#closing ??= this.#close();
    return this.#closing;
  }

  async #close(): Promise<void> {
    this.#isEnding = true;
    this.#hold.end();
    await Promise.all([this.#listeners?.end(), this.#command({ kind: 'close' }, 'closed')]);
    this.#sentinels.unwatch(this.#watch);
    this.#reporter.close();
  }

  /** Runs one failover at a time, and logs a refused one. */
  async #withFailover<Outcome>(begin: () => Promise<Outcome>): Promise<Outcome> {
    try {
      if (this.#isFailingOver) throw this.#refusal('another failover command is in progress');
      this.#isFailingOver = true;
      return await begin().finally(() => (this.#isFailingOver = false));
    } catch (error) {
      if (error instanceof TunnelError)
        this.#log.warn('failover.refused', { database: this.name, reason: error.message });
      throw error;
    }
  }

  async #assertReplicasFollow(): Promise<void> {
    const { name, redis: access } = this.#database;
    const { generation } = this.#watch.view();
    const master = new ReplicationConnection(confirmedMaster(name, this.#watch.view()), access);
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

  async #commandFailover(): Promise<string> {
    const sentinel = await this.#sentinels.failover(this.name);
    this.#log.info('failover.ordered', { database: this.name, sentinel });
    return sentinel;
  }

  #refusal(why: string): TunnelError {
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
    // A shortage of this host says nothing about the master.
    if ((event.kind === 'dial-failed' && !isOwnShortage(event.code)) || event.kind === 'suspect-reply')
      this.#watch.suspect(event.endpoint);
    if (event.kind === 'dropped') this.#livenessCheck.dropped(event.endpoint, event.client);
    for (const answered of this.#waiting.get(event.kind)?.splice(0) ?? []) answered(event);
    if (this.#unrecorded) this.#unrecorded.events.push(event);
    else this.#reporter.relayed(event);
  }

  /** Gives the engine a command. @returns the event that answers it; `undefined` when the engine has no such tunnel yet */
  #command<K extends TunnelEvent['kind']>(
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
