import type { SentinelConfig } from '../../config/types.ts';
import type { AddressMap } from '../../net/address-map.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import { names } from '../../net/names.ts';
import type { OwnListeners } from '../../net/own-listeners.ts';
import type { ServerAccess } from '../../net/tls.ts';
import type { Log } from '../../telemetry/log.ts';
import type { SentinelView } from '../links/stats.ts';
import type { Rules } from '../decision/belief.ts';
import type { MembersPort } from './members-port.ts';
import { Members } from './members.ts';
import type { Promotable } from './promotable.ts';
import { MasterWatch, type WatchEvent } from '../watch.ts';

/** After a fence that leads to nothing; a promotion takes 0 to 100 ms from the announcement on redis 7.0. */
const fenceMs = 5_000;
/** The leader answers with the new address about a second after the promotion: it sees it in its next INFO. */
const confirmMs = 2_500;

/** What an operator decides per database. */
export type WatchRules = Pick<Rules, 'name' | 'failover' | 'onSentinelLoss'> & {
  /** How to get into its servers, to ask them for their ROLE. */
  readonly redis?: ServerAccess;
};

/** Where servers really are, and where we are ourselves. */
export interface Whereabouts {
  readonly addressMap: AddressMap;
  readonly own: OwnListeners | undefined;
}

/**
 * The watches, and the Sentinels that they listen to: these serve every database together, and each database has a
 * watch of its own, so that what one learns or suffers is nothing to another.
 */
export class Sentinels {
  readonly #members: Members;
  readonly #watches = new Set<MasterWatch>();
  readonly #own: OwnListeners | undefined;

  /** Begins to ask the Sentinels at once. */
  constructor(
    seeds: readonly Endpoint[],
    config: SentinelConfig,
    log: Log,
    { addressMap, own }: Whereabouts = { addressMap: [], own: undefined },
  ) {
    this.#own = own;
    this.#members = new Members(seeds, config, addressMap, log, this.#port());
  }

  /** Begins to watch one master. `tell` is called in the order of events, never before this returns. */
  watch(rules: WatchRules, tell: (event: WatchEvent) => void): MasterWatch {
    const watch = new MasterWatch(
      { ...rules, ...this.#members.times, fenceMs, confirmMs },
      this.#members.roster,
      () => {
        this.#members.wake();
      },
      tell,
      () => performance.now(),
      rules.redis,
      this.#own,
      lookUp,
    );
    this.#watches.add(watch);
    this.#members.wake();
    return watch;
  }

  /** Ends a watch. */
  unwatch(watch: MasterWatch): void {
    watch.close();
    this.#watches.delete(watch);
  }

  /**
   * Takes over other seeds and another way to speak to them, as `Members.adjust` does. What is believed of the masters
   * stays.
   *
   * @param addressMap where servers really are; as before unless given
   */
  adjust(seeds: readonly Endpoint[], config: SentinelConfig, addressMap?: AddressMap): void {
    this.#members.adjust(seeds, config, addressMap);
  }

  /**
   * Resolves when every Sentinel that answered before has answered anew and what it had announced has been heard, or a
   * second is over. For a process that was stopped, and does not know what it has missed.
   */
  async heardAnew(): Promise<void> {
    await this.#members.heardAnew();
  }

  /** What each known Sentinel says and how it does, seeds first. */
  views(): readonly SentinelView[] {
    const watches = [...this.#watches];
    return this.#members.views(new Set(watches.map(({ name }) => name)), (sentinel) =>
      watches
        .filter((watch) => watch.view().strangers.some((each) => each.sentinel === sentinel))
        .map(({ name }) => name),
    );
  }

  /**
   * Has a failover begun by one of the Sentinels that answer and monitor this master.
   *
   * @returns which one has begun it
   * @throws TunnelError what it says against it, or why none could be asked
   */
  async failover(name: string): Promise<string> {
    return await this.#members.failover(name);
  }

  /**
   * Which replicas of this master may be promoted, by the Sentinels that answer.
   *
   * @param port that of every server, whatever is announced
   * @returns `undefined` where none of them says
   */
  async promotable(name: string, port?: number): Promise<readonly Promotable[] | undefined> {
    return await this.#members.promotable(name, port);
  }

  /** Ends every watch, and the links to the Sentinels after them. */
  close(): void {
    for (const watch of this.#watches) watch.close();
    this.#watches.clear();
    this.#members.close();
  }

  /** What the watches want to know, and which of them is told what. */
  #port(): MembersPort {
    return {
      questions: () =>
        [...this.#watches].map((watch) => ({
          ...{ watch, name: watch.name, turn: watch.turn },
          port: watch.serverPort,
        })),
      isUnsettled: () => [...this.#watches].some((watch) => watch.isUnsettled),
      trusts: (sentinel, name) =>
        [...this.#watches].some((watch) => watch.name === name && watch.trusts(sentinel)),
      hasNewcomers: () => [...this.#watches].some((watch) => watch.hasNewcomers),
      answered: (sentinel, { watch: asking, turn }, given) => {
        for (const watch of this.#watches)
          if (watch === asking) watch.hear({ kind: 'answered', sentinel, turn, ...given });
      },
      announced: (sentinel, { name }, id, at) => {
        for (const watch of this.#watches)
          if (watch.name === name)
            watch.hear({ kind: 'announced', sentinel, announcement: at(watch.serverPort), id });
      },
      introduced: (name, introduction, replicas) => {
        for (const watch of this.#watches) {
          if (watch.name !== name) continue;
          const servers = replicas.get(watch.serverPort) ?? [];
          watch.hear({ kind: 'introduced', introduction: { ...introduction, servers } });
        }
      },
      unlinked: (sentinel) => {
        for (const watch of this.#watches) watch.hear({ kind: 'unlinked', sentinel });
      },
      configured: (sentinels) => {
        for (const watch of this.#watches) watch.adjust(this.#members.times);
        for (const watch of this.#watches) watch.hear({ kind: 'configured', sentinels });
      },
      rostered: (roster) => {
        for (const watch of this.#watches) watch.hear({ kind: 'rostered', roster });
      },
    };
  }
}

function lookUp(host: string, found: (addresses: readonly string[]) => void): void {
  names.find(host, (answer) => {
    found(typeof answer === 'string' ? [] : answer);
  });
}
