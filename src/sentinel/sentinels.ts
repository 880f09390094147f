import { isDeepStrictEqual } from 'node:util';
import type { SentinelConfig } from '../config/config.ts';
import type { AddressMap } from '../net/address-map.ts';
import { formatEndpoint, type Endpoint } from '../net/endpoint.ts';
import type { OwnListeners } from '../net/own-listeners.ts';
import type { Access } from '../net/tls.ts';
import type { Log } from '../telemetry/log.ts';
import { Account, type SentinelView } from './account.ts';
import type { Rules } from './belief.ts';
import { Health } from './health.ts';
import { SentinelLink, type LinkPort } from './link.ts';
import { Renewal } from './renewal.ts';
import {
  reseeded,
  seedRoster,
  votersOf,
  withId,
  withNamed,
  withNamedIds,
  withoutLearnt,
  type Member,
  type Voters,
} from './roster.ts';
import { orderFailover } from './order.ts';
import { MasterWatch, type WatchEvent } from './watch.ts';
import type { Answer } from './words.ts';

/** While a master is missing the Sentinels are asked this often, in milliseconds, or at the usual beat if that is quicker. */
const unsettledBeatMs = 250;
/** After having been stopped, the Sentinels are waited for so long before going on without them, in milliseconds. */
const anewMs = 1_000;
/** After a fence that leads to nothing; a promotion takes 0 to 100 ms from the announcement on redis 7.0. */
const fenceMs = 5_000;
/** The leader answers with the new address about a second after the promotion: it sees it in its next INFO. */
const confirmMs = 2_500;

/** What an operator decides per database. */
export type WatchRules = Pick<Rules, 'name' | 'failover' | 'onSentinelLoss'> & {
  /** How to get into its servers, to ask them for their ROLE. */
  readonly redis?: Access;
};

/** Where servers really are, and where we are ourselves. */
export interface Whereabouts {
  readonly addressMap: AddressMap;
  readonly own: OwnListeners | undefined;
}

/**
 * All Sentinels, and the watches that listen to them: one link per Sentinel serves every database, and each database
 * has a watch of its own, so that what one learns or suffers is nothing to another.
 */
export class Sentinels {
  #config: SentinelConfig;
  readonly #log: Log;
  readonly #links = new Map<string, SentinelLink>();
  readonly #accounts = new Map<string, Account>();
  readonly #watches = new Set<MasterWatch>();
  #port: LinkPort;
  readonly #renewal = new Renewal();
  readonly #health: Health;
  readonly #own: OwnListeners | undefined;
  #addressMap: AddressMap;
  #roster: readonly Member[];
  /** As the watches have been told. */
  #voters: Voters = { keys: [], twins: new Map() };

  constructor(
    seeds: readonly Endpoint[],
    config: SentinelConfig,
    log: Log,
    { addressMap, own }: Whereabouts = { addressMap: [], own: undefined },
  ) {
    this.#addressMap = addressMap;
    this.#own = own;
    this.#config = config;
    this.#log = log;
    this.#health = new Health(log);
    this.#roster = seedRoster(seeds);
    this.#voters = this.#countVoters();
    this.#port = this.#newPort();
    this.#keepLinks();
  }

  /** Begins to watch one master. `tell` is called in the order of events, never before this returns. */
  watch(rules: WatchRules, tell: (event: WatchEvent) => void): MasterWatch {
    const watch = new MasterWatch(
      { ...rules, freshMs: this.#freshMs(), fenceMs, confirmMs },
      this.#voters.keys,
      () => {
        this.#wake();
      },
      tell,
      () => performance.now(),
      rules.redis,
      this.#own,
    );
    this.#watches.add(watch);
    this.#wake();
    return watch;
  }

  /** Ends a watch. */
  unwatch(watch: MasterWatch): void {
    watch.close();
    this.#watches.delete(watch);
  }

  /**
   * Takes over other seeds and another way to speak to them. Links of Sentinels that stay are left alone, and so is what
   * is believed of the masters; where the way to speak changes, links are replaced one after another, each by one that
   * has answered.
   */
  adjust(
    seeds: readonly Endpoint[],
    config: SentinelConfig,
    addressMap: AddressMap = this.#addressMap,
  ): void {
    const before = this.#config;
    const isRemapped = !isDeepStrictEqual(addressMap, this.#addressMap);
    this.#addressMap = addressMap;
    this.#config = config;
    for (const watch of this.#watches) watch.adjust({ freshMs: this.#freshMs() });
    const known = new Set(this.#keys());
    const configured = seeds.map(formatEndpoint).filter((key) => !known.has(key));
    for (const watch of this.#watches) watch.hear({ kind: 'configured', sentinels: configured });
    const isRenewed = isRemapped || !isDeepStrictEqual(mannerOf(before), mannerOf(config));
    if (isRenewed) {
      this.#port = this.#newPort();
      this.#health.forgetNeedless();
    }
    const kept = [...this.#links];
    this.#adoptRoster(reseeded(this.#roster, seeds, config.discover), 'the configuration');
    if (isRenewed) void this.#renewal.replace(kept, this.#links, this.#port, (key) => this.#health.isUp(key));
    else if (config.pollMs !== before.pollMs) this.#wake();
  }

  /**
   * Resolves when every Sentinel that answered before has answered anew and what it had announced has been heard, or a second is over. For a
   * process that was stopped, and does not know what it has missed.
   */
  async heardAnew(): Promise<void> {
    let timer: NodeJS.Timeout | undefined;
    const patience = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, anewMs);
    });
    const heard = [...this.#links]
      .filter(([key]) => this.#health.isUp(key))
      .map(([, link]) => link.heardAnew());
    await Promise.race([Promise.all(heard), patience]);
    clearTimeout(timer);
  }

  /** The known Sentinels, seeds first. */
  roster(): readonly Member[] {
    return this.#roster;
  }

  /** What each known Sentinel says and how it does, seeds first. */
  views(): readonly SentinelView[] {
    const names = new Set([...this.#watches].map(({ name }) => name));
    return this.#roster.flatMap(({ endpoint, isSeed, id }) => {
      const sentinel = formatEndpoint(endpoint);
      const account = this.#accounts.get(sentinel);
      account?.keepOnly(names);
      return account ? [account.view({ sentinel, isSeed, id })] : [];
    });
  }

  /**
   * Has a failover begun by one of the Sentinels that answer and monitor this master.
   *
   * @returns which one has begun it
   * @throws TunnelError what it says against it, or why none could be asked
   */
  async failover(name: string): Promise<string> {
    const candidates = this.#roster.flatMap(({ endpoint }) => {
      const said = this.#accounts.get(formatEndpoint(endpoint))?.saidOf(name);
      return said?.kind === 'address' ? [endpoint] : [];
    });
    return await orderFailover(name, candidates, this.#config.replyMs, this.#config);
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
    this.#watches.clear();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#renewal.close();
  }

  /** How links speak and whom they tell; they keep the way to speak with which they were made. */
  #newPort(): LinkPort {
    const access = this.#config;
    return {
      replyMs: access.replyMs,
      addressMap: this.#addressMap,
      access: () => access,
      questions: () => [...this.#watches].map((watch) => ({ watch, name: watch.name, turn: watch.turn })),
      beatMs: () => this.#beatMs(),
      answered: (link, question, answer, tookMs) => {
        if (this.#renewal.answered(link)) return;
        this.#accounts.get(link.key)?.answered(question.name, answer, tookMs);
        this.#note(link, question.name, answer);
        for (const watch of this.#watches) {
          if (watch !== question.watch || this.#voters.twins.has(link.key)) continue;
          watch.hear({ kind: 'answered', sentinel: link.key, answer, turn: question.turn });
        }
      },
      announced: (link, announcement) => {
        if (this.#renewal.has(link)) return;
        for (const watch of this.#watches) {
          if (watch.name === announcement.name && !this.#voters.twins.has(link.key))
            watch.hear({ kind: 'announced', sentinel: link.key, announcement });
        }
        if (announcement.channel === '+sentinel') link.askNames();
      },
      named: (link, named) => {
        if (this.#renewal.has(link)) return;
        this.#adoptRoster(withNamedIds(this.#roster, named), link.key);
        if (!this.#config.discover) return;
        const wanted = named.filter(({ endpoint }) => !this.#health.isShunned(formatEndpoint(endpoint)));
        this.#adoptRoster(withNamed(this.#roster, wanted), link.key);
      },
      subscription: (link, event) => {
        if (this.#renewal.subscription(link, event.kind === 'ended')) return;
        this.#accounts.get(link.key)?.subscription(event.kind);
        if (event.kind !== 'ended') {
          this.#health.subscribed(link.key, event);
          return;
        }
        for (const watch of this.#watches) watch.hear({ kind: 'unlinked', sentinel: link.key });
        link.wake();
      },
      loggedInNeedlessly: ({ key }) => {
        this.#health.loggedInNeedlessly(key);
      },
    };
  }

  #freshMs(): number {
    return this.#config.pollMs * 2 + this.#config.replyMs;
  }

  #wake(): void {
    for (const link of this.#links.values()) link.wake();
  }

  #beatMs(): number {
    const { pollMs } = this.#config;
    const isUnsettled = [...this.#watches].some((watch) => watch.isUnsettled);
    return isUnsettled ? Math.min(pollMs, unsettledBeatMs) : pollMs;
  }

  #keys(): readonly string[] {
    return this.#roster.map(({ endpoint }) => formatEndpoint(endpoint));
  }

  #countVoters(): Voters {
    return votersOf(
      this.#roster,
      (key) => this.#health.hasAnswered(key),
      (key) => this.#health.isUp(key),
    );
  }

  /** Tells the watches whose word counts, where that has changed. */
  #tellVoters(): void {
    const before = this.#voters;
    this.#voters = this.#countVoters();
    const { keys, twins } = this.#voters;
    for (const [sentinel, same] of twins) {
      if (!before.twins.has(sentinel) && before.twins.get(same) !== sentinel)
        this.#log.warn('sentinel.twin', { sentinel, same });
    }
    if (keys.length === before.keys.length && keys.every((key, index) => key === before.keys[index])) return;
    for (const watch of this.#watches) watch.hear({ kind: 'rostered', roster: keys });
    // One that has the vote from now on has been asked before, and that answer was not listened to.
    for (const key of keys) if (!before.keys.includes(key)) this.#links.get(key)?.wake();
  }

  /** Keeps account of who answers, for the log and for forgetting. Told once per change, not per answer. */
  #note(link: SentinelLink, name: string, answer: Answer): void {
    const { key } = link;
    if (this.#links.get(key) !== link) return; // forgotten since it was asked
    const health = this.#health.answered(key, name, answer);
    if (answer.kind !== 'unreachable' && link.id !== undefined)
      this.#adoptRoster(withId(this.#roster, link.endpoint, link.id), key);
    if (health === 'long gone') this.#forget(link);
    this.#tellVoters();
  }

  /**
   * Forgets a learnt Sentinel that is gone for long. One whose word has counted is only forgotten while a majority
   * answers: cut off with a minority, we must not come to take that minority for all there are.
   */
  #forget(link: SentinelLink): void {
    const voters = this.#voters.keys;
    if (this.#health.hasAnswered(link.key)) {
      if (voters.filter((key) => this.#health.isUp(key)).length * 2 <= voters.length) return;
    } else if (
      this.#roster.some(({ endpoint, isSeed }) => !isSeed && formatEndpoint(endpoint) === link.key)
    ) {
      this.#health.shun(link.key);
    }
    this.#adoptRoster(withoutLearnt(this.#roster, link.endpoint), link.key);
  }

  #adoptRoster(roster: readonly Member[], from: string): void {
    if (roster === this.#roster || sameRoster(roster, this.#roster)) {
      this.#roster = roster;
      this.#tellVoters();
      return;
    }
    const before = new Set(this.#keys());
    this.#roster = roster;
    const keys = this.#keys();
    for (const key of keys)
      if (!before.delete(key)) this.#log.info('sentinel.discovered', { sentinel: key, from });
    for (const key of before) this.#log.info('sentinel.forgotten', { sentinel: key });
    this.#keepLinks();
    this.#tellVoters();
  }

  #keepLinks(): void {
    const keys = new Set(this.#keys());
    for (const [key, link] of this.#links) {
      if (keys.has(key)) continue;
      link.close();
      this.#links.delete(key);
      this.#accounts.delete(key);
      this.#health.drop(key);
    }
    for (const { endpoint } of this.#roster) {
      const key = formatEndpoint(endpoint);
      if (this.#links.has(key)) continue;
      const link = new SentinelLink(endpoint, this.#port);
      this.#links.set(key, link);
      this.#accounts.set(key, new Account());
      link.start();
    }
  }
}

/** What cannot change in a link that stands. */
function mannerOf(config: SentinelConfig): unknown {
  return { ...config, discover: undefined, pollMs: undefined };
}

function sameRoster(a: readonly Member[], b: readonly Member[]): boolean {
  return a.length === b.length && a.every(({ endpoint }, index) => endpoint === b[index]?.endpoint);
}
