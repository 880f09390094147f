import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Health } from '../links/health.ts';
import { sameRoster, seedRoster, withoutLearnt, type Member } from './roster.ts';
import { votersOf, type Voters } from './voters.ts';

/** The roster that is held now, and whose word counts: the log is told of both, once per change. */
export class Electorate {
  readonly #health: Health;
  readonly #log: Log;
  #roster: readonly Member[];
  /** As it was counted last. */
  #voters: Voters;

  /** @param health says who answers: the word of a learnt Sentinel counts once it has */
  constructor(seeds: readonly Endpoint[], health: Health, log: Log) {
    this.#health = health;
    this.#log = log;
    this.#roster = seedRoster(seeds);
    this.#voters = this.#count();
  }

  /** Everybody who is known, seeds first. */
  get roster(): readonly Member[] {
    return this.#roster;
  }

  /** The same, each as `host:port`. */
  keys(): readonly string[] {
    return this.#roster.map(({ endpoint }) => formatEndpoint(endpoint));
  }

  /** Who has the vote, in order of preference, each as `host:port`. */
  get voters(): readonly string[] {
    return this.#voters.keys;
  }

  /** Those of the roster that are configured, each as `host:port`. */
  get seeds(): readonly string[] {
    return this.#roster.filter(({ isSeed }) => isSeed).map(({ endpoint }) => formatEndpoint(endpoint));
  }

  /** Whether another address of the same Sentinel has the vote instead. */
  isTwin(sentinel: string): boolean {
    return this.#voters.twins.has(sentinel);
  }

  /**
   * The address under which what a Sentinel announces counts.
   *
   * @param sentinel where it was heard
   * @param id its run id, where it tells
   */
  speakerOf(sentinel: string, id: string | undefined): string {
    const own = this.#roster.filter((member) => id !== undefined && member.id === id);
    const voter = own
      .map(({ endpoint }) => formatEndpoint(endpoint))
      .find((key) => this.voters.includes(key));
    return voter ?? this.#voters.twins.get(sentinel) ?? sentinel;
  }

  /**
   * Takes over a roster. Who votes in it is for `recount` to say.
   *
   * @param from who has brought it, for the log
   * @returns whether it has other members than the one before
   */
  adopt(roster: readonly Member[], from: string): boolean {
    const isOther = roster !== this.#roster && !sameRoster(roster, this.#roster);
    const before = new Set(this.keys());
    this.#roster = roster;
    if (!isOther) return false;
    for (const key of this.keys())
      if (!before.delete(key)) this.#log.info('sentinel.discovered', { sentinel: key, from });
    for (const key of before) this.#log.info('sentinel.forgotten', { sentinel: key });
    return true;
  }

  /**
   * Counts anew who votes.
   *
   * @returns those that have the vote from now on and had not; `undefined` where all is as it was
   */
  recount(): readonly string[] | undefined {
    const before = this.#voters;
    this.#voters = this.#count();
    const { keys, twins } = this.#voters;
    for (const [sentinel, same] of twins) {
      if (!before.twins.has(sentinel) && before.twins.get(same) !== sentinel && !this.#isShared(sentinel))
        this.#log.warn('sentinel.twin', { sentinel, same });
    }
    if (keys.length === before.keys.length && keys.every((key, index) => key === before.keys[index]))
      return undefined;
    return keys.filter((key) => !before.keys.includes(key));
  }

  /**
   * The roster without a learnt Sentinel that is gone for long. One whose word has counted is only forgotten while a
   * majority answers: cut off with a minority, we must not come to take that minority for all there are. One that was
   * never reached is shunned.
   */
  withoutGone(endpoint: Endpoint): readonly Member[] {
    const gone = formatEndpoint(endpoint);
    const { keys } = this.#voters;
    if (this.#health.hasAnswered(gone)) {
      if (keys.filter((key) => this.#health.isUp(key)).length * 2 <= keys.length) return this.#roster;
    } else if (this.#roster.some((member) => !member.isSeed && formatEndpoint(member.endpoint) === gone)) {
      this.#health.shun(gone);
    }
    return withoutLearnt(this.#roster, endpoint);
  }

  #isShared(sentinel: string): boolean {
    return this.#roster.some(({ endpoint, isShared }) => isShared && formatEndpoint(endpoint) === sentinel);
  }

  #count(): Voters {
    return votersOf(
      this.#roster,
      (key) => this.#health.hasAnswered(key),
      (key) => this.#health.isUp(key),
    );
  }
}
