import { Latest } from '../../lifecycle/latest.ts';
import { within } from '../../lifecycle/within.ts';
import { SentinelLink, type LinkPort } from './link.ts';

interface Candidate {
  hasAnswered: boolean;
  /** Its subscription stands, or has been refused. */
  isListening: boolean;
  readonly settle: () => void;
}

/** Beside its deadlines, what a new link may take to be known to work, in milliseconds. */
const slackMs = 500;

/**
 * Puts links that speak another way in the place of those that stand. Until one has been answered and listens, the old
 * one does the work; so nothing that is announced meanwhile is missed, and no failover that is going on loses its
 * announcer.
 */
export class Renewal {
  readonly #candidates = new Map<SentinelLink, Candidate>();
  readonly #renewing = new Latest<void>();

  /**
   * Replaces links one after another.
   *
   * @param old those to be replaced, by the key under which they stand
   * @param links where they stand; one that has gone from there meanwhile is passed over
   * @param port the new way to speak
   * @param isUp whether a Sentinel answers now; one that does not has nothing to be waited for
   */
  replace(
    old: readonly (readonly [string, SentinelLink])[],
    links: Map<string, SentinelLink>,
    port: LinkPort,
    isUp: (key: string) => boolean,
  ): Promise<void> {
    return this.#renewing.run(async () => {
      for (const [key] of old) {
        const link = links.get(key);
        if (!link || link.port === port) continue;
        const fresh = new SentinelLink(link.endpoint, port);
        if (isUp(key)) await this.#prove(fresh, port.replyMs * 2 + slackMs);
        else fresh.start();
        if (links.get(key) !== link) fresh.close();
        else {
          links.set(key, fresh);
          link.close();
          fresh.wake();
        }
      }
    });
  }

  /** @returns whether the link is one that only has to prove itself */
  answered(link: SentinelLink): boolean {
    return this.#note(link, { hasAnswered: true });
  }

  /** @returns whether the link is one that only has to prove itself */
  subscription(link: SentinelLink, isOver: boolean): boolean {
    return this.#note(link, { isListening: !isOver });
  }

  has(link: SentinelLink): boolean {
    return this.#candidates.has(link);
  }

  close(): void {
    for (const { settle } of this.#candidates.values()) settle();
  }

  /** Starts a link. Resolves when it has been answered and listens, or after `ms` milliseconds. */
  async #prove(link: SentinelLink, ms: number): Promise<void> {
    const proven = new Promise<void>((resolve) => {
      this.#candidates.set(link, { hasAnswered: false, isListening: false, settle: resolve });
      link.start();
    });
    await within(ms, proven);
    this.#candidates.delete(link);
  }

  #note(link: SentinelLink, what: Partial<Candidate>): boolean {
    const candidate = this.#candidates.get(link);
    if (!candidate) return false;
    Object.assign(candidate, what);
    if (candidate.hasAnswered && candidate.isListening) candidate.settle();
    return true;
  }
}
