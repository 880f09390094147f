import type { SentinelConfig } from '../config/config.ts';
import { formatEndpoint, type Endpoint } from '../net/endpoint.ts';
import type { Log } from '../telemetry/log.ts';
import type { Rules } from './belief.ts';
import { SentinelLink, type LinkPort } from './link.ts';
import { seedRoster, withId, withNamed, withoutLearnt, type Member } from './roster.ts';
import { MasterWatch, type WatchEvent } from './watch.ts';
import type { Answer } from './words.ts';

/** While a master is missing the Sentinels are asked this often, in milliseconds, or at the usual beat if that is quicker. */
const unsettledBeatMs = 250;
/** A learnt Sentinel that has not answered for so long is forgotten, in milliseconds; it may be named again. */
const forgetMs = 60_000;
/** One that has never answered is not taken up again for so long, in milliseconds. */
const shunMs = 600_000;
/** After a fence that leads to nothing; a promotion takes 0 to 100 ms from the announcement on redis 7.0. */
const fenceMs = 5_000;
/** The leader answers with the new address about a second after the promotion: it sees it in its next INFO. */
const confirmMs = 2_500;

/** What an operator decides per database. */
export type WatchRules = Pick<Rules, 'name' | 'failover' | 'onSentinelLoss'>;

/**
 * All Sentinels, and the watches that listen to them: one link per Sentinel serves every database, and each database
 * has a watch of its own, so that what one learns or suffers is nothing to another.
 */
export class Sentinels {
  readonly #config: SentinelConfig;
  readonly #log: Log;
  readonly #links = new Map<string, SentinelLink>();
  readonly #watches = new Set<MasterWatch>();
  readonly #port: LinkPort;
  /** Since when each has not answered; absent while it does. */
  readonly #downSinceMs = new Map<string, number>();
  readonly #up = new Set<string>();
  /** Who has ever answered. A learnt Sentinel counts only then: its address may mean nothing from where we are. */
  readonly #heard = new Set<string>();
  /** Until when those that could never be reached are not taken up again, whoever names them. */
  readonly #shunned = new Map<string, number>();
  /** The error that a Sentinel last gave for a database, by both their names. */
  readonly #troubles = new Map<string, string>();
  readonly #refused = new Set<string>();
  #roster: readonly Member[];

  constructor(seeds: readonly Endpoint[], config: SentinelConfig, log: Log) {
    this.#config = config;
    this.#log = log;
    this.#roster = seedRoster(seeds);
    this.#port = {
      replyMs: config.replyMs,
      questions: () => [...this.#watches].map((watch) => ({ watch, name: watch.name, turn: watch.turn })),
      beatMs: () => this.#beatMs(),
      answered: (link, question, answer) => {
        this.#note(link, question.name, answer);
        for (const watch of this.#watches) {
          if (watch !== question.watch) continue;
          watch.hear({ kind: 'answered', sentinel: link.key, answer, turn: question.turn });
        }
      },
      announced: (link, announcement) => {
        for (const watch of this.#watches) {
          if (watch.name === announcement.name)
            watch.hear({ kind: 'announced', sentinel: link.key, announcement });
        }
        if (announcement.channel === '+sentinel') link.askNames();
      },
      named: (link, named) => {
        if (!this.#config.discover) return;
        const nowMs = performance.now();
        const wanted = named.filter(
          ({ endpoint }) => !(nowMs < (this.#shunned.get(formatEndpoint(endpoint)) ?? 0)),
        );
        this.#adoptRoster(withNamed(this.#roster, wanted), link.key);
      },
      subscription: (link, event) => {
        if (event.kind === 'refused' && !this.#refused.has(link.key)) {
          this.#refused.add(link.key);
          this.#log.warn('sentinel.polling-only', { sentinel: link.key, reason: event.why });
        }
        if (event.kind === 'subscribed') this.#refused.delete(link.key);
        if (event.kind !== 'ended') return;
        for (const watch of this.#watches) watch.hear({ kind: 'unlinked', sentinel: link.key });
        link.wake();
      },
    };
    this.#keepLinks();
  }

  /** Begins to watch one master. `tell` is called in the order of events, never before this returns. */
  watch(rules: WatchRules, tell: (event: WatchEvent) => void): MasterWatch {
    const watch = new MasterWatch(
      { ...rules, freshMs: this.#config.pollMs * 2 + this.#config.replyMs, fenceMs, confirmMs },
      this.#voters(),
      () => {
        this.#wake();
      },
      tell,
      () => performance.now(),
    );
    this.#watches.add(watch);
    this.#wake();
    return watch;
  }

  /** The known Sentinels, seeds first. */
  roster(): readonly Member[] {
    return this.#roster;
  }

  close(): void {
    for (const watch of this.#watches) watch.close();
    this.#watches.clear();
    for (const link of this.#links.values()) link.close();
    this.#links.clear();
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

  /** Those whose word counts, seeds first. */
  #voters(): readonly string[] {
    return this.#roster
      .map(({ endpoint, isSeed }) => ({ key: formatEndpoint(endpoint), isSeed }))
      .filter(({ key, isSeed }) => isSeed || this.#heard.has(key))
      .map(({ key }) => key);
  }

  #tellVoters(): void {
    const roster = this.#voters();
    for (const watch of this.#watches) watch.hear({ kind: 'rostered', roster });
  }

  /** Keeps account of who answers, for the log and for forgetting. Told once per change, not per answer. */
  #note(link: SentinelLink, name: string, answer: Answer): void {
    const { key } = link;
    if (this.#links.get(key) !== link) return; // forgotten since it was asked
    const trouble = `${key} ${name}`;
    if (answer.kind !== 'unreachable' && !this.#heard.has(key)) {
      this.#heard.add(key);
      this.#tellVoters();
    }
    if (answer.kind === 'error') {
      if (this.#troubles.get(trouble) === answer.text) return;
      this.#troubles.set(trouble, answer.text);
      this.#log.warn('sentinel.down', { sentinel: key, reason: answer.text });
      return;
    }
    if (answer.kind === 'unreachable') {
      const nowMs = performance.now();
      const sinceMs = this.#downSinceMs.get(key);
      if (sinceMs === undefined) {
        this.#downSinceMs.set(key, nowMs);
        this.#up.delete(key);
        this.#log.warn('sentinel.down', { sentinel: key, reason: answer.text });
      } else if (nowMs - sinceMs >= forgetMs) this.#forget(link);
      return;
    }
    this.#downSinceMs.delete(key);
    const isBetter = this.#troubles.delete(trouble);
    if (isBetter || !this.#up.has(key)) this.#log.info('sentinel.up', { sentinel: key });
    this.#up.add(key);
    if (link.id !== undefined) this.#adoptRoster(withId(this.#roster, link.endpoint, link.id), key);
  }

  /**
   * Forgets a learnt Sentinel that is gone for long. One whose word has counted is only forgotten while a majority
   * answers: cut off with a minority, we must not come to take that minority for all there are.
   */
  #forget(link: SentinelLink): void {
    const voters = this.#voters();
    if (this.#heard.has(link.key)) {
      if (voters.filter((key) => this.#up.has(key)).length * 2 <= voters.length) return;
    } else if (
      this.#roster.some(({ endpoint, isSeed }) => !isSeed && formatEndpoint(endpoint) === link.key)
    ) {
      const nowMs = performance.now();
      for (const [key, untilMs] of this.#shunned) if (untilMs <= nowMs) this.#shunned.delete(key);
      this.#shunned.set(link.key, nowMs + shunMs);
    }
    this.#adoptRoster(withoutLearnt(this.#roster, link.endpoint), link.key);
  }

  #adoptRoster(roster: readonly Member[], from: string): void {
    if (roster === this.#roster || sameRoster(roster, this.#roster)) {
      this.#roster = roster;
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
      this.#downSinceMs.delete(key);
      this.#up.delete(key);
      this.#heard.delete(key);
      this.#refused.delete(key);
      for (const trouble of this.#troubles.keys())
        if (trouble.startsWith(`${key} `)) this.#troubles.delete(trouble);
    }
    for (const { endpoint } of this.#roster) {
      const key = formatEndpoint(endpoint);
      if (this.#links.has(key)) continue;
      const link = new SentinelLink(endpoint, this.#port);
      this.#links.set(key, link);
      link.start();
    }
  }
}

function sameRoster(a: readonly Member[], b: readonly Member[]): boolean {
  return a.length === b.length && a.every(({ endpoint }, index) => endpoint === b[index]?.endpoint);
}
