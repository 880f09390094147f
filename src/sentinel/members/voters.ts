import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import type { Log } from '../../telemetry/log.ts';
import type { Roster } from '../decision/belief.ts';
import type { Health } from '../links/health.ts';
import { sameRoster, seedRoster, withoutLearnt, type Member } from './roster.ts';

/** The members that have a vote, and the addresses that have none because another address of the same Sentinel has it. */
export interface VoterList {
  readonly keys: readonly string[];
  /** By the address without a vote, the one that has it. */
  readonly aliases: ReadonlyMap<string, string>;
}

/**
 * Decides who votes: one address per Sentinel, however many lead to it. A majority of addresses would not be a majority of
 * Sentinels.
 *
 * @param hasAnswered whether an address has ever answered: a learnt member votes only then
 * @param isUp whether an address answers now: otherwise another address of the same Sentinel votes meanwhile
 * @returns the voters in order of preference
 */
export function votersOf(
  roster: readonly Member[],
  hasAnswered: (key: string) => boolean,
  isUp: (key: string) => boolean,
): VoterList {
  const members = roster
    .map((member) => ({ ...member, key: formatEndpoint(member.endpoint) }))
    .filter(({ key, isSeed }) => isSeed || hasAnswered(key));
  const aliases = new Map<string, string>();
  for (const { key, id } of members) {
    const same = members.filter((member) => id !== undefined && member.id === id);
    const up = same.filter((member) => isUp(member.key));
    // At a shared address another Sentinel may answer the next time.
    const voter = up.find(({ isShared }) => !isShared) ?? up[0] ?? same[0];
    if (voter && voter.key !== key) aliases.set(key, voter.key);
  }
  return { keys: members.map(({ key }) => key).filter((key) => !aliases.has(key)), aliases };
}

/** The current roster and its voters. Logs each change of them once. */
export class Voters {
  readonly #health: Health;
  readonly #log: Log;
  #members: readonly Member[];
  #list: VoterList;

  /** @param health which Sentinels answer */
  constructor(seeds: readonly Endpoint[], health: Health, log: Log) {
    this.#health = health;
    this.#log = log;
    this.#members = seedRoster(seeds);
    this.#list = this.#count();
  }

  /** All known Sentinels, seeds first. */
  get members(): readonly Member[] {
    return this.#members;
  }

  /** The voters in order of preference and the seeds, each as `host:port`. */
  get roster(): Roster {
    const seeds = this.#members.filter(({ isSeed }) => isSeed);
    return { sentinels: this.#list.keys, seeds: seeds.map(({ endpoint }) => formatEndpoint(endpoint)) };
  }

  /** All known Sentinels, each as `host:port`. */
  keys(): readonly string[] {
    return this.#members.map(({ endpoint }) => formatEndpoint(endpoint));
  }

  /** Whether another address of the same Sentinel has the vote. */
  isAlias(sentinel: string): boolean {
    return this.#list.aliases.has(sentinel);
  }

  /**
   * The address under which the announcements of a Sentinel count.
   *
   * @param sentinel the address that we are subscribed at
   * @param id the run id of the Sentinel there, where it tells it
   */
  voterAt(sentinel: string, id: string | undefined): string {
    const { keys, aliases } = this.#list;
    const own = this.#members.filter((member) => id !== undefined && member.id === id);
    const voter = own.map(({ endpoint }) => formatEndpoint(endpoint)).find((key) => keys.includes(key));
    return voter ?? aliases.get(sentinel) ?? sentinel;
  }

  /**
   * Takes over a roster; `recount` then decides who votes.
   *
   * @param from what has changed it, for the log: a Sentinel or the configuration
   * @returns whether members were added or removed
   */
  adopt(members: readonly Member[], from: string): boolean {
    const isOther = members !== this.#members && !sameRoster(members, this.#members);
    const before = new Set(this.keys());
    this.#members = members;
    if (!isOther) return false;
    for (const key of this.keys())
      if (!before.delete(key)) this.#log.info('sentinel.discovered', { sentinel: key, from });
    for (const key of before) this.#log.info('sentinel.forgotten', { sentinel: key });
    return true;
  }

  /** Decides again who votes. @returns the new voters; `undefined` where nothing has changed */
  recount(): readonly string[] | undefined {
    const before = this.#list;
    this.#list = this.#count();
    const { keys, aliases } = this.#list;
    for (const [sentinel, same] of aliases) {
      if (!before.aliases.has(sentinel) && before.aliases.get(same) !== sentinel && !this.#isShared(sentinel))
        this.#log.warn('sentinel.twin', { sentinel, same });
    }
    if (keys.length === before.keys.length && keys.every((key, index) => key === before.keys[index]))
      return undefined;
    return keys.filter((key) => !before.keys.includes(key));
  }

  /**
   * Removes a learnt Sentinel that has been silent for long. One that has voted is removed only while a majority answers:
   * a tunnel that is cut off with a minority must not take that minority for all. One that was never reached is shunned.
   *
   * @returns the roster without it, or as it is
   */
  withoutSilent(endpoint: Endpoint): readonly Member[] {
    const silent = formatEndpoint(endpoint);
    const { keys } = this.#list;
    if (this.#health.hasAnswered(silent)) {
      if (keys.filter((key) => this.#health.isUp(key)).length * 2 <= keys.length) return this.#members;
    } else if (this.#members.some((member) => !member.isSeed && formatEndpoint(member.endpoint) === silent)) {
      this.#health.shun(silent);
    }
    return withoutLearnt(this.#members, endpoint);
  }

  #isShared(sentinel: string): boolean {
    return this.#members.some(({ endpoint, isShared }) => isShared && formatEndpoint(endpoint) === sentinel);
  }

  #count(): VoterList {
    return votersOf(
      this.#members,
      (key) => this.#health.hasAnswered(key),
      (key) => this.#health.isUp(key),
    );
  }
}
