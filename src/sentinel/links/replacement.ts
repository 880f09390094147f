import { Latest } from '../../lifecycle/latest.ts';
import { within } from '../../lifecycle/within.ts';
import { SentinelLink, type LinkCallbacks, type LinkSettings } from './link.ts';

/** A new link that has not taken over yet. */
interface Candidate {
  hasAnswered: boolean;
  /** Whether it has subscribed, or has been refused to. */
  isListening: boolean;
  readonly settle: () => void;
}

/** A new link may take this much longer than its deadlines, in milliseconds. */
const slackMs = 500;

/**
 * Replaces links by others with new settings. An old link works until the new one has an answer and a subscription, so
 * that no announcement is missed and a failover in progress does not lose its announcer.
 */
export class LinkReplacement {
  readonly #candidates = new Map<SentinelLink, Candidate>();
  readonly #replacing = new Latest<void>();

  /**
   * Replaces links one after another.
   *
   * @param keys the keys of the links to be replaced
   * @param links all links by key; one that is removed meanwhile is passed over
   * @param isUp whether a Sentinel answers now; the link to one that does not is replaced at once
   */
  replace(
    keys: readonly string[],
    links: Map<string, SentinelLink>,
    settings: LinkSettings,
    callbacks: LinkCallbacks,
    isUp: (key: string) => boolean,
  ): Promise<void> {
    return this.#replacing.run(async () => {
      for (const key of keys) {
        const link = links.get(key);
        if (!link || link.settings === settings) continue;
        const fresh = new SentinelLink(link.endpoint, settings, callbacks);
        if (isUp(key)) await this.#prove(fresh, settings.replyMs * 2 + slackMs);
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

  /** Takes note of an answer. @returns whether the link is a candidate: nothing else of it counts yet */
  answered(link: SentinelLink): boolean {
    return this.#note(link, { hasAnswered: true });
  }

  /** Takes note of a subscription. @returns whether the link is a candidate */
  subscription(link: SentinelLink, hasEnded: boolean): boolean {
    return this.#note(link, { isListening: !hasEnded });
  }

  /** Whether a link is a candidate. */
  has(link: SentinelLink): boolean {
    return this.#candidates.has(link);
  }

  close(): void {
    for (const { settle } of this.#candidates.values()) settle();
  }

  /** Starts a link. Resolves when it has an answer and a subscription, or after `ms` milliseconds. */
  async #prove(link: SentinelLink, ms: number): Promise<void> {
    const proven = new Promise<void>((resolve) => {
      this.#candidates.set(link, { hasAnswered: false, isListening: false, settle: resolve });
      link.start();
    });
    await within(ms, proven);
    this.#candidates.delete(link);
  }

  #note(link: SentinelLink, change: Partial<Candidate>): boolean {
    const candidate = this.#candidates.get(link);
    if (!candidate) return false;
    Object.assign(candidate, change);
    if (candidate.hasAnswered && candidate.isListening) candidate.settle();
    return true;
  }
}
