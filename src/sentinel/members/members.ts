import { isDeepStrictEqual } from 'node:util';
import type { SentinelConfig } from '../../config/types.ts';
import { within } from '../../lifecycle/within.ts';
import type { AddressMap } from '../../net/address-map.ts';
import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import type { Log } from '../../telemetry/log.ts';
import { Account, type SentinelView } from '../links/stats.ts';
import { Electorate } from './electorate.ts';
import { Health } from '../links/health.ts';
import type { Roster, Rules } from '../decision/belief.ts';
import type { Acquaintance } from '../links/introduce.ts';
import { lateMsOf, SentinelLink, type LinkPort } from '../links/link.ts';
import type { MembersPort } from './members-port.ts';
import { orderFailover } from './failover-command.ts';
import { askPromotable, type Promotable } from './promotable.ts';
import { Renewal } from '../links/replacement.ts';
import { reseeded, withId, withNamed, withNamedIds, withShared, type Member } from './roster.ts';
import type { Answer, Named } from '../links/announcement.ts';

/** While a master is missing the Sentinels are asked this often, in milliseconds, or at the usual beat if that is quicker. */
const unsettledBeatMs = 250;
/** After having been stopped, the Sentinels are waited for so long before going on without them, in milliseconds. */
const anewMs = 1_000;

/** The known Sentinels: who they are, one link to each, how each does, and whose word counts. */
export class Members {
  readonly #owner: MembersPort;
  readonly #links = new Map<string, SentinelLink>();
  readonly #accounts = new Map<string, Account>();
  /** Whom each knows, by its last word. */
  readonly #acquaintances = new Map<string, readonly Acquaintance[]>();
  /** Whose acquaintances are not taken up yet: it may turn out to be a stranger. */
  readonly #unheeded = new Set<string>();
  /** The addresses at which announcements are heard, and the run id of the Sentinel there, where it tells. */
  readonly #hearing = new Map<string, string | undefined>();
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

  /** Who has the vote, and which of them are configured. */
  get roster(): Roster {
    return { sentinels: this.#electorate.voters, seeds: this.#electorate.seeds };
  }

  /**
   * The times that follow from the configuration, in milliseconds: an answer older than `freshMs` counts as none, for by
   * then there should have been another.
   */
  get times(): Pick<Rules, 'freshMs' | 'replyMs' | 'lateMs'> {
    const { pollMs, replyMs } = this.#config;
    return { freshMs: pollMs * 2 + replyMs, replyMs, lateMs: lateMsOf(replyMs) };
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
   * @param strangeTo the names of the masters for which an address has no vote
   */
  views(
    names: ReadonlySet<string>,
    strangeTo: (sentinel: string) => readonly string[],
  ): readonly SentinelView[] {
    return this.#electorate.roster.flatMap(({ endpoint, isSeed, id }) => {
      const sentinel = formatEndpoint(endpoint);
      const account = this.#accounts.get(sentinel);
      account?.keepOnly(names);
      return account ? [account.view({ sentinel, isSeed, id, strangeTo: strangeTo(sentinel) })] : [];
    });
  }

  /**
   * Has a failover begun by one of those that answer and monitor this master.
   *
   * @returns which one has begun it
   * @throws TunnelError what it says against it, or why none could be asked
   */
  async failover(name: string): Promise<string> {
    return await orderFailover(name, this.#monitoring(name), this.#config.replyMs, this.#config);
  }

  /** Which replicas those may promote whom `failover` would ask; `undefined` where none of them says. */
  async promotable(name: string, port?: number): Promise<readonly Promotable[] | undefined> {
    const servers = { map: this.#addressMap, port };
    return await askPromotable(name, this.#monitoring(name), this.#config.replyMs, this.#config, servers);
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
      answered: (link, question, given) => {
        if (this.#renewal.answered(link)) return;
        const { answer, id, tookMs } = given;
        this.#accounts
          .get(link.key)
          ?.answered(question.name, answer, answer.kind === 'unreachable' ? undefined : tookMs);
        this.#note(link, question.name, answer, id);
        // Only now: the answer may have given it the vote, or taken it away.
        if (!this.#electorate.isTwin(link.key)) this.#owner.answered(link.key, question, given);
        this.#heed(link.key);
        if (this.#owner.hasNewcomers()) for (const each of this.#links.values()) each.askAcquaintances();
      },
      announced: (link, announcement, id, at) => {
        if (this.#renewal.has(link)) return;
        this.#owner.announced(this.#electorate.speakerOf(link.key, id), announcement, id, at);
        if (announcement.channel === '+sentinel') link.askAcquaintances();
      },
      introduced: (link, acquaintances) => {
        if (this.#renewal.has(link)) return;
        if (this.#links.get(link.key) !== link) return; // forgotten since it was asked
        this.#introduced(link.key, acquaintances);
      },
      subscription: (link, event) => {
        if (this.#renewal.subscription(link, event.kind === 'ended')) return;
        this.#accounts.get(link.key)?.subscription(event.kind);
        if (event.kind === 'subscribed') this.#hearing.set(link.key, event.id);
        if (event.kind !== 'ended') {
          this.#health.subscribed(link.key, event);
          return;
        }
        this.#heardNoMore(link.key);
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
    const named = seeds.flatMap((seed) => this.#namedBy(formatEndpoint(seed)));
    const wanted = named.filter((each) => {
      const key = formatEndpoint(each.endpoint);
      return !this.#health.isShunned(key) && (!known.has(key) || this.#health.isUp(key));
    });
    return withNamed(roster, wanted);
  }

  /** Tells who a Sentinel is and whom it knows, and takes those up where it counts. */
  #introduced(key: string, acquaintances: readonly Acquaintance[]): void {
    for (const { name, id, sentinels, replicas } of acquaintances) {
      const others = sentinels?.flatMap((each) => each.id ?? []);
      this.#owner.introduced(name, { sentinel: key, id, others }, replicas);
    }
    this.#health.introduced(key, acquaintances.find(({ trouble }) => trouble !== undefined)?.trouble);
    this.#acquaintances.set(key, acquaintances);
    this.#unheeded.add(key);
    this.#heed(key);
  }

  /** Takes up those that a Sentinel knows, once it counts. */
  #heed(key: string): void {
    if (!this.#unheeded.has(key)) return;
    const named = this.#namedBy(key);
    if (named.length === 0) return;
    this.#unheeded.delete(key);
    this.#adopt(withNamedIds(this.#electorate.roster, named), key);
    if (!this.#config.discover) return;
    const wanted = named.filter(({ endpoint }) => !this.#health.isShunned(formatEndpoint(endpoint)));
    this.#adopt(withNamed(this.#electorate.roster, wanted), key);
  }

  /** Whom a Sentinel names, around the masters for which it counts. */
  #namedBy(key: string): readonly Named[] {
    const acquaintances = this.#acquaintances.get(key) ?? [];
    return acquaintances.flatMap(({ name, sentinels }) =>
      this.#owner.trusts(key, name) ? (sentinels ?? []) : [],
    );
  }

  /** The subscription at an address has ended. Its Sentinel may still be heard at another one. */
  #heardNoMore(key: string): void {
    const id = this.#hearing.get(key);
    this.#hearing.delete(key);
    const isStillHeard = id !== undefined && [...this.#hearing.values()].includes(id);
    if (!isStillHeard) this.#owner.unlinked(this.#electorate.speakerOf(key, id));
  }

  /** Those that answer and monitor this master. */
  #monitoring(name: string): readonly Endpoint[] {
    return this.#electorate.roster.flatMap(({ endpoint }) => {
      const said = this.#accounts.get(formatEndpoint(endpoint))?.saidOf(name);
      return said?.kind === 'address' ? [endpoint] : [];
    });
  }

  #beatMs(): number {
    const { pollMs } = this.#config;
    return this.#owner.isUnsettled() ? Math.min(pollMs, unsettledBeatMs) : pollMs;
  }

  /** Keeps account of who answers, for the log and for forgetting. Told once per change, not per answer. */
  #note(link: SentinelLink, name: string, answer: Answer, id: string | undefined): void {
    const { key, endpoint } = link;
    if (this.#links.get(key) !== link) return; // forgotten since it was asked
    const health = this.#health.answered(key, name, answer);
    if (id !== undefined) {
      const heard = this.#hearing.get(key);
      if (heard !== undefined && heard !== id) this.#isShared(endpoint);
      this.#adopt(withId(this.#electorate.roster, endpoint, id), key);
    }
    if (health === 'long gone') this.#adopt(this.#electorate.withoutGone(endpoint), key);
    this.#tellVoters();
  }

  /** Two connections to one address have led to two Sentinels: each of them is listened to at its own address. */
  #isShared(endpoint: Endpoint): void {
    const key = formatEndpoint(endpoint);
    const before = this.#electorate.roster;
    const roster = withShared(before, endpoint);
    if (roster === before) return;
    this.#health.isShared(key);
    this.#adopt(roster, key);
    for (const each of this.#acquaintances.keys()) {
      this.#unheeded.add(each);
      this.#heed(each);
    }
  }

  /** Takes over a roster, and tells whose word counts where that has changed. */
  #adopt(roster: readonly Member[], from: string): void {
    if (this.#electorate.adopt(roster, from)) this.#keepLinks();
    this.#tellVoters();
  }

  #tellVoters(): void {
    const fresh = this.#electorate.recount();
    if (!fresh) return;
    this.#owner.rostered(this.roster);
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
      this.#acquaintances.delete(key);
      this.#unheeded.delete(key);
      this.#hearing.delete(key);
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
