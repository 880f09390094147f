import { isDeepStrictEqual } from 'node:util';
import type { SentinelConfig } from '../config/config.ts';
import { within } from '../lifecycle/within.ts';
import type { AddressMap } from '../net/address-map.ts';
import { formatEndpoint, type Endpoint } from '../net/endpoint.ts';
import type { Log } from '../telemetry/log.ts';
import { Account, type SentinelView } from './account.ts';
import { Electorate } from './electorate.ts';
import { Health } from './health.ts';
import { SentinelLink, type LinkPort } from './link.ts';
import type { MembersPort } from './members-port.ts';
import { orderFailover } from './order.ts';
import { Renewal } from './renewal.ts';
import { distinct, reseeded, withId, withNamed, withNamedIds, type Member } from './roster.ts';
import type { Answer, Named } from './words.ts';

/** While a master is missing the Sentinels are asked this often, in milliseconds, or at the usual beat if that is quicker. */
const unsettledBeatMs = 250;
/** After having been stopped, the Sentinels are waited for so long before going on without them, in milliseconds. */
const anewMs = 1_000;

/** The known Sentinels: who they are, one link to each, how each does, and whose word counts. */
export class Members {
  readonly #owner: MembersPort;
  readonly #links = new Map<string, SentinelLink>();
  readonly #accounts = new Map<string, Account>();
  /** Whom each has named last. */
  readonly #named = new Map<string, readonly Named[]>();
  readonly #renewal = new Renewal();
  readonly #health: Health;
  readonly #electorate: Electorate;
  #config: SentinelConfig;
  #addressMap: AddressMap;
  #port: LinkPort;

  /** Begins to ask the seeds at once. */
  constructor(
    seeds: readonly Endpoint[],
    config: SentinelConfig,
    addressMap: AddressMap,
    log: Log,
    owner: MembersPort,
  ) {
    this.#owner = owner;
    this.#addressMap = addressMap;
    this.#config = config;
    this.#health = new Health(log);
    this.#electorate = new Electorate(seeds, this.#health, log);
    this.#port = this.#newPort();
    this.#keepLinks();
  }

  /** Who has the vote, in order of preference, each as `host:port`. */
  get voters(): readonly string[] {
    return this.#electorate.voters;
  }

  /** An answer older than this counts as none, in milliseconds: by then there should have been another. */
  get freshMs(): number {
    return this.#config.pollMs * 2 + this.#config.replyMs;
  }

  /** Asks all of them about everything now, or as soon as the floor allows. */
  wake(): void {
    for (const link of this.#links.values()) link.wake();
  }

  /**
   * Takes over other seeds and another way to speak to them. Links of those that stay are left alone; where the way to
   * speak changes, links are replaced one after another, each by one that has answered.
   *
   * @param addressMap where servers really are; as before unless given
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
    const known = new Set(this.#electorate.keys());
    this.#owner.configured(seeds.map(formatEndpoint).filter((key) => !known.has(key)));
    const isRenewed = isRemapped || !isDeepStrictEqual(mannerOf(before), mannerOf(config));
    if (isRenewed) {
      this.#port = this.#newPort();
      this.#health.forgetNeedless();
    }
    const kept = [...this.#links];
    this.#adopt(this.#reseeded(seeds), 'the configuration');
    if (isRenewed) void this.#renewal.replace(kept, this.#links, this.#port, (key) => this.#health.isUp(key));
    else if (config.pollMs !== before.pollMs) this.wake();
  }

  /**
   * Resolves when every one that answered before has answered anew and what it had announced has been heard, or a second
   * is over.
   */
  async heardAnew(): Promise<void> {
    const heard = [...this.#links]
      .filter(([key]) => this.#health.isUp(key))
      .map(([, link]) => link.heardAnew());
    await within(anewMs, Promise.all(heard));
  }

  /**
   * What each says and how it does, seeds first.
   *
   * @param names the masters that are watched; what was said of others is forgotten
   */
  views(names: ReadonlySet<string>): readonly SentinelView[] {
    return this.#electorate.roster.flatMap(({ endpoint, isSeed, id }) => {
      const sentinel = formatEndpoint(endpoint);
      const account = this.#accounts.get(sentinel);
      account?.keepOnly(names);
      return account ? [account.view({ sentinel, isSeed, id })] : [];
    });
  }

  /**
   * Has a failover begun by one of those that answer and monitor this master.
   *
   * @returns which one has begun it
   * @throws TunnelError what it says against it, or why none could be asked
   */
  async failover(name: string): Promise<string> {
    const candidates = this.#electorate.roster.flatMap(({ endpoint }) => {
      const said = this.#accounts.get(formatEndpoint(endpoint))?.saidOf(name);
      return said?.kind === 'address' ? [endpoint] : [];
    });
    return await orderFailover(name, candidates, this.#config.replyMs, this.#config);
  }

  /** Ends every link. */
  close(): void {
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
      questions: () => this.#owner.questions(),
      beatMs: () => this.#beatMs(),
      answered: (link, question, answer, tookMs) => {
        if (this.#renewal.answered(link)) return;
        this.#accounts.get(link.key)?.answered(question.name, answer, tookMs);
        this.#note(link, question.name, answer);
        // Only now: the answer may have given it the vote, or taken it away.
        if (!this.#electorate.isTwin(link.key)) this.#owner.answered(link.key, question, answer);
      },
      announced: (link, announcement) => {
        if (this.#renewal.has(link)) return;
        if (!this.#electorate.isTwin(link.key)) this.#owner.announced(link.key, announcement);
        if (announcement.channel === '+sentinel') link.askNames();
      },
      named: (link, named) => {
        if (this.#renewal.has(link)) return;
        if (this.#links.get(link.key) !== link) return; // forgotten since it was asked
        this.#named.set(link.key, distinct(named));
        this.#adopt(withNamedIds(this.#electorate.roster, named), link.key);
        if (!this.#config.discover) return;
        const wanted = named.filter(({ endpoint }) => !this.#health.isShunned(formatEndpoint(endpoint)));
        this.#adopt(withNamed(this.#electorate.roster, wanted), link.key);
      },
      subscription: (link, event) => {
        if (this.#renewal.subscription(link, event.kind === 'ended')) return;
        this.#accounts.get(link.key)?.subscription(event.kind);
        if (event.kind !== 'ended') {
          this.#health.subscribed(link.key, event);
          return;
        }
        this.#owner.unlinked(link.key);
        link.wake();
      },
      loggedInNeedlessly: ({ key }) => {
        this.#health.loggedInNeedlessly(key);
      },
    };
  }

  /**
   * The roster under other seeds. Whoever is no seed any more and is named by one that is would be discovered again
   * within seconds; were it not listened to meanwhile, a failover that it leads would be noticed too late. What the
   * learnt ones name does not count: the seeds may be those of another deployment now.
   */
  #reseeded(seeds: readonly Endpoint[]): readonly Member[] {
    const before = this.#electorate.roster;
    const { discover } = this.#config;
    const roster = reseeded(before, seeds, discover);
    if (!discover) return roster;
    const known = new Set(before.map(({ endpoint }) => formatEndpoint(endpoint)));
    const named = seeds.flatMap((seed) => this.#named.get(formatEndpoint(seed)) ?? []);
    const wanted = named.filter((each) => {
      const key = formatEndpoint(each.endpoint);
      return !this.#health.isShunned(key) && (!known.has(key) || this.#health.isUp(key));
    });
    return withNamed(roster, wanted);
  }

  #beatMs(): number {
    const { pollMs } = this.#config;
    return this.#owner.isUnsettled() ? Math.min(pollMs, unsettledBeatMs) : pollMs;
  }

  /** Keeps account of who answers, for the log and for forgetting. Told once per change, not per answer. */
  #note(link: SentinelLink, name: string, answer: Answer): void {
    const { key } = link;
    if (this.#links.get(key) !== link) return; // forgotten since it was asked
    const health = this.#health.answered(key, name, answer);
    if (answer.kind !== 'unreachable' && link.id !== undefined)
      this.#adopt(withId(this.#electorate.roster, link.endpoint, link.id), key);
    if (health === 'long gone') this.#adopt(this.#electorate.withoutGone(link.endpoint), key);
    this.#tellVoters();
  }

  /** Takes over a roster, and tells whose word counts where that has changed. */
  #adopt(roster: readonly Member[], from: string): void {
    if (this.#electorate.adopt(roster, from)) this.#keepLinks();
    this.#tellVoters();
  }

  #tellVoters(): void {
    const fresh = this.#electorate.recount();
    if (!fresh) return;
    this.#owner.rostered(this.#electorate.voters);
    // They have been asked before, and the answers were not listened to.
    for (const key of fresh) this.#links.get(key)?.wake();
  }

  #keepLinks(): void {
    const keys = new Set(this.#electorate.keys());
    for (const [key, link] of this.#links) {
      if (keys.has(key)) continue;
      link.close();
      this.#links.delete(key);
      this.#accounts.delete(key);
      this.#named.delete(key);
      this.#health.drop(key);
    }
    for (const { endpoint } of this.#electorate.roster) {
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
