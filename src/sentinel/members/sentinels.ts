import { isDeepStrictEqual } from 'node:util';
import type { SentinelConfig } from '../../config/types.ts';
import { within } from '../../lifecycle/within.ts';
import type { AddressMap } from '../../net/address-map.ts';
import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import type { OwnListeners } from '../../net/own-listeners.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Rules } from '../decision/belief.ts';
import { readAnnouncement } from '../links/announcement.ts';
import type { Answer, ListedSentinel } from '../links/answer.ts';
import { Health } from '../links/health.ts';
import { lateMsOf, SentinelLink, type LinkCallbacks, type LinkSettings } from '../links/link.ts';
import type { Peers } from '../links/query.ts';
import { LinkReplacement } from '../links/replacement.ts';
import { SentinelStats, type SentinelView } from '../links/stats.ts';
import { MasterWatch, type WatchCallbacks, type WatchRules } from '../watch.ts';
import { commandFailover } from './failover-command.ts';
import { queryPromotable, type Promotable } from './promotable.ts';
import { reseeded, withId, withListed, withListedIds, withShared, type Member } from './roster.ts';
import { Voters } from './voters.ts';

/** While a master is missing the Sentinels are queried this often, or at the usual interval if that is shorter; in milliseconds. */
const unsettledEveryMs = 250;
/** After a suspension of this process the Sentinels are waited for this long, in milliseconds. */
const refreshMs = 1_000;

/** Where servers are dialled, and where this process listens. */
export interface Whereabouts {
  readonly addressMap: AddressMap;
  readonly own: OwnListeners | undefined;
}

/** One known Sentinel: its link, what it has answered, and what is known through it. */
interface Known {
  readonly stats: SentinelStats;
  /** The peers that it listed last. */
  peers: readonly Peers[];
  /** Whether these peers are not in the roster yet: it may turn out to be a stranger. */
  hasNewPeers: boolean;
  /** The subscription and the run id of the Sentinel there, where it tells it; `undefined` without a subscription. */
  subscription: { readonly id: string | undefined } | undefined;
}

/**
 * The known Sentinels and the watches of the databases. All watches share the Sentinels: a link to each, who they are, and
 * who has a vote. Each database has a watch of its own, and nothing that happens to one affects another.
 */
export class Sentinels {
  readonly #watches = new Set<MasterWatch>();
  readonly #links = new Map<string, SentinelLink>();
  readonly #known = new Map<string, Known>();
  readonly #replacement = new LinkReplacement();
  readonly #callbacks: LinkCallbacks = this.#linkCallbacks();
  readonly #health: Health;
  readonly #voters: Voters;
  readonly #own: OwnListeners | undefined;
  #config: SentinelConfig;
  #settings: LinkSettings;

  /** Starts to query the seeds at once. */
  constructor(
    seeds: readonly Endpoint[],
    config: SentinelConfig,
    log: Log,
    { addressMap, own }: Whereabouts = { addressMap: [], own: undefined },
  ) {
    this.#own = own;
    this.#config = config;
    this.#settings = { replyMs: config.replyMs, access: config, addressMap };
    this.#health = new Health(log);
    this.#voters = new Voters(seeds, this.#health, log);
    this.#keepLinks();
  }

  /** Begins to watch one master. The callbacks are called in the order of events, never before this returns. */
  watch(rules: WatchRules, callbacks: WatchCallbacks): MasterWatch {
    const watch = new MasterWatch({ ...rules, ...this.#times }, this.#voters.roster, callbacks, {
      ...(rules.redis && { access: rules.redis }),
      own: this.#own,
      wakeSentinels: () => {
        this.#wake();
      },
    });
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
   * Takes over other seeds and settings. Links to Sentinels that stay are kept; where their settings change, they are
   * replaced one after another, each after the new one has an answer. What is believed about the masters stays.
   *
   * @param addressMap where servers are dialled; as before unless given
   */
  adjust(
    seeds: readonly Endpoint[],
    config: SentinelConfig,
    addressMap: AddressMap = this.#settings.addressMap,
  ): void {
    const before = this.#config;
    const isRemapped = !isDeepStrictEqual(addressMap, this.#settings.addressMap);
    this.#config = config;
    const known = new Set(this.#voters.keys());
    const fresh = seeds.map(formatEndpoint).filter((key) => !known.has(key));
    for (const watch of this.#watches) {
      watch.adjust(this.#times);
      watch.hear({ kind: 'seeds-added', sentinels: fresh });
    }
    const isResetting = isRemapped || !isDeepStrictEqual(linkConfigOf(before), linkConfigOf(config));
    if (isResetting) {
      this.#settings = { replyMs: config.replyMs, access: config, addressMap };
      this.#health.credentialsChanged();
    }
    const kept = [...this.#links.keys()];
    this.#adopt(this.#reseeded(seeds), 'the configuration');
    if (isResetting) {
      const isUp = (key: string): boolean => this.#health.isUp(key);
      void this.#replacement.replace(kept, this.#links, this.#settings, this.#callbacks, isUp);
    } else if (config.pollMs !== before.pollMs) this.#wake();
  }

  /**
   * Resolves when every Sentinel that was up has answered a new query and its announcements so far have been handled, or
   * after a second. For a process that was suspended and does not know what it missed.
   */
  async refreshed(): Promise<void> {
    const up = [...this.#links].filter(([key]) => this.#health.isUp(key));
    await within(refreshMs, Promise.all(up.map(([, link]) => link.refreshed())));
  }

  /** The state of each known Sentinel and what it last answered, seeds first. */
  views(): readonly SentinelView[] {
    const watches = [...this.#watches];
    const names = new Set(watches.map(({ name }) => name));
    return this.#voters.members.flatMap(({ endpoint, isSeed, id }) => {
      const sentinel = formatEndpoint(endpoint);
      const stats = this.#known.get(sentinel)?.stats;
      stats?.keepOnly(names);
      const strangeTo = watches
        .filter((watch) => watch.view().strangers.some((each) => each.sentinel === sentinel))
        .map(({ name }) => name);
      return stats ? [stats.view({ sentinel, isSeed, id, strangeTo })] : [];
    });
  }

  /**
   * Commands a failover, to one of the Sentinels that answer and monitor this master.
   *
   * @returns the Sentinel that has begun it, as `host:port`
   * @throws TunnelError its refusal, or why none could be asked
   */
  async failover(name: string): Promise<string> {
    return await commandFailover(name, this.#monitoring(name), this.#config.replyMs, this.#config);
  }

  /**
   * The replicas that the Sentinels may promote.
   *
   * @param port the port of every server, in place of the announced ones
   * @returns `undefined` where no Sentinel gives a list
   */
  async promotable(name: string, port?: number): Promise<readonly Promotable[] | undefined> {
    const servers = { map: this.#settings.addressMap, port };
    return await queryPromotable(name, this.#monitoring(name), this.#config.replyMs, this.#config, servers);
  }

  /** Ends every watch and then every link. */
  close(): void {
    for (const watch of this.#watches) watch.close();
    this.#watches.clear();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
    this.#replacement.close();
  }

  /**
   * The times that follow from the configuration, in milliseconds. An answer older than `freshMs` counts as none, because by
   * then there should have been another.
   */
  get #times(): Pick<Rules, 'freshMs' | 'replyMs' | 'lateMs'> {
    const { pollMs, replyMs } = this.#config;
    return { freshMs: pollMs * 2 + replyMs, replyMs, lateMs: lateMsOf(replyMs) };
  }

  #wake(): void {
    for (const link of this.#links.values()) link.wake();
  }

  #linkCallbacks(): LinkCallbacks {
    return {
      queries: () =>
        [...this.#watches].map((watch) => ({
          ...{ watch, name: watch.name, round: watch.round },
          port: watch.serverPort,
        })),
      roundEveryMs: () => {
        const { pollMs } = this.#config;
        const isUnsettled = [...this.#watches].some((watch) => watch.isUnsettled);
        return isUnsettled ? Math.min(pollMs, unsettledEveryMs) : pollMs;
      },
      answered: (link, query, { answer, id, tookMs }) => {
        if (this.#replacement.answered(link)) return;
        const { key } = link;
        const latencyMs = answer.kind === 'unreachable' ? undefined : tookMs;
        this.#known.get(key)?.stats.answered(query.name, answer, latencyMs);
        this.#noteAnswer(link, query.name, answer, id);
        // After that: the answer may have given this address the vote, or taken it away.
        if (!this.#voters.isAlias(key)) {
          const { round } = query;
          for (const watch of this.#watches)
            if (watch === query.watch)
              watch.hear({ kind: 'answered', sentinel: key, answer, round, tookMs, id });
        }
        this.#adoptPeersOf(key);
        if ([...this.#watches].some((watch) => watch.hasNewcomers))
          for (const each of this.#links.values()) each.listPeersSoon();
      },
      published: (link, { channel, payload, isRemote, id }) => {
        if (this.#replacement.has(link)) return;
        const origin = { map: link.settings.addressMap, isRemote };
        const announcement = readAnnouncement(channel, payload, origin);
        if (!announcement) return;
        const sentinel = this.#voters.voterAt(link.key, id);
        for (const watch of this.#watches) {
          const { name, serverPort: port } = watch;
          if (name !== announcement.name) continue;
          const own =
            port === undefined ? undefined : readAnnouncement(channel, payload, { ...origin, port });
          watch.hear({ kind: 'announced', sentinel, announcement: own ?? announcement, id });
        }
        if (channel === '+sentinel') link.listPeersSoon();
      },
      peersListed: (link, peers) => {
        if (this.#replacement.has(link)) return;
        if (this.#links.get(link.key) === link) this.#peersListed(link.key, peers);
      },
      subscription: (link, event) => {
        if (this.#replacement.subscription(link, event.kind === 'ended')) return;
        // What was announced before the subscription, or while there is none, is missed: the queries tell it.
        if (event.kind !== 'refused') link.wake();
        const known = this.#known.get(link.key);
        if (!known) return;
        known.stats.subscription(event.kind);
        if (event.kind !== 'ended') this.#health.subscribed(link.key, event);
        if (event.kind === 'subscribed') known.subscription = { id: event.id };
        else if (event.kind === 'ended') this.#unsubscribed(link.key, known);
      },
      passwordNotNeeded: ({ key }) => {
        this.#health.passwordNotNeeded(key);
      },
    };
  }

  /** Takes note of who answers, for the log and the roster. */
  #noteAnswer(link: SentinelLink, name: string, answer: Answer, id: string | undefined): void {
    const { key, endpoint } = link;
    const known = this.#known.get(key);
    if (!known || this.#links.get(key) !== link) return; // removed since the query was sent
    const isForgettable = this.#health.answered(key, name, answer);
    if (id !== undefined) {
      const subscribed = known.subscription?.id;
      if (subscribed !== undefined && subscribed !== id) this.#foundShared(endpoint);
      this.#adopt(withId(this.#voters.members, endpoint, id), key);
    }
    if (isForgettable) this.#adopt(this.#voters.withoutSilent(endpoint), key);
    this.#recount();
  }

  /** Two connections to one address have reached two Sentinels: each gets a link to its own address. */
  #foundShared(endpoint: Endpoint): void {
    const key = formatEndpoint(endpoint);
    const before = this.#voters.members;
    const members = withShared(before, endpoint);
    if (members === before) return;
    this.#health.foundShared(key);
    this.#adopt(members, key);
    for (const [each, known] of this.#known) {
      known.hasNewPeers = true;
      this.#adoptPeersOf(each);
    }
  }

  /** The subscription at an address has ended. The Sentinel may still be subscribed to at another address. */
  #unsubscribed(key: string, known: Known): void {
    const id = known.subscription?.id;
    known.subscription = undefined;
    const isElsewhere =
      id !== undefined && [...this.#known.values()].some(({ subscription }) => subscription?.id === id);
    if (isElsewhere) return;
    const sentinel = this.#voters.voterAt(key, id);
    for (const watch of this.#watches) watch.hear({ kind: 'unsubscribed', sentinel });
  }

  #peersListed(key: string, peers: readonly Peers[]): void {
    for (const { name, id, sentinels, replicas } of peers) {
      const others = sentinels?.flatMap((each) => each.id ?? []);
      for (const watch of this.#watches) {
        if (watch.name !== name) continue;
        const servers = replicas.get(watch.serverPort) ?? [];
        watch.hear({ kind: 'peers-listed', list: { sentinel: key, id, others, servers } });
      }
    }
    this.#health.peersListed(key, peers.find(({ trouble }) => trouble !== undefined)?.trouble);
    const known = this.#known.get(key);
    if (!known) return;
    known.peers = peers;
    known.hasNewPeers = true;
    this.#adoptPeersOf(key);
  }

  /** Adds the peers of a Sentinel to the roster, once a watch trusts it. */
  #adoptPeersOf(key: string): void {
    const known = this.#known.get(key);
    if (!known?.hasNewPeers) return;
    const listed = this.#trustedPeersOf(key);
    if (listed.length === 0) return;
    known.hasNewPeers = false;
    this.#adopt(withListedIds(this.#voters.members, listed), key);
    if (!this.#config.discover) return;
    const wanted = listed.filter(({ endpoint }) => !this.#health.isShunned(formatEndpoint(endpoint)));
    this.#adopt(withListed(this.#voters.members, wanted), key);
  }

  /** The Sentinels that a Sentinel lists for the masters whose watches trust it. */
  #trustedPeersOf(key: string): readonly ListedSentinel[] {
    const watches = [...this.#watches].filter((watch) => watch.trusts(key));
    const peers = this.#known.get(key)?.peers ?? [];
    return peers.flatMap(({ name, sentinels }) =>
      watches.some((watch) => watch.name === name) ? (sentinels ?? []) : [],
    );
  }

  /**
   * The roster with other seeds. A Sentinel that is no longer a seed, but is listed by one, would be discovered again within
   * seconds; it stays, because a failover that it leads meanwhile would be noticed too late. What learnt Sentinels list does
   * not count: the seeds may belong to another deployment now.
   */
  #reseeded(seeds: readonly Endpoint[]): readonly Member[] {
    const before = this.#voters.members;
    const { discover } = this.#config;
    const members = reseeded(before, seeds, discover);
    if (!discover) return members;
    const known = new Set(this.#voters.keys());
    const listed = seeds.flatMap((seed) => this.#trustedPeersOf(formatEndpoint(seed)));
    const wanted = listed.filter(({ endpoint }) => {
      const key = formatEndpoint(endpoint);
      return !this.#health.isShunned(key) && (!known.has(key) || this.#health.isUp(key));
    });
    return withListed(members, wanted);
  }

  /** The Sentinels that answer and monitor this master. */
  #monitoring(name: string): readonly Endpoint[] {
    return this.#voters.members
      .map(({ endpoint }) => endpoint)
      .filter(
        (endpoint) => this.#known.get(formatEndpoint(endpoint))?.stats.lastAnswer(name)?.kind === 'address',
      );
  }

  /** Takes over a roster. @param from what has changed it, for the log */
  #adopt(members: readonly Member[], from: string): void {
    if (this.#voters.adopt(members, from)) this.#keepLinks();
    this.#recount();
  }

  #recount(): void {
    const fresh = this.#voters.recount();
    if (!fresh) return;
    for (const watch of this.#watches) watch.hear({ kind: 'roster-changed', roster: this.#voters.roster });
    // Their earlier answers did not count.
    for (const key of fresh) this.#links.get(key)?.wake();
  }

  /** Opens and closes links so that there is one for each member. */
  #keepLinks(): void {
    const keys = new Set(this.#voters.keys());
    for (const [key, link] of this.#links) {
      if (keys.has(key)) continue;
      link.close();
      this.#links.delete(key);
      this.#known.delete(key);
      this.#health.drop(key);
    }
    for (const { endpoint } of this.#voters.members) {
      const key = formatEndpoint(endpoint);
      if (this.#links.has(key)) continue;
      const link = new SentinelLink(endpoint, this.#settings, this.#callbacks);
      this.#links.set(key, link);
      this.#known.set(key, {
        stats: new SentinelStats(),
        ...{ peers: [], hasNewPeers: false, subscription: undefined },
      });
      link.start();
    }
  }
}

/** The settings of a link; a change of the others does not need a new one. */
function linkConfigOf(config: SentinelConfig): unknown {
  return { ...config, discover: undefined, pollMs: undefined };
}
