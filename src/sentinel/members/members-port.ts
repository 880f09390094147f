import type { Roster } from '../decision/belief.ts';
import type { Introduction } from '../decision/identity.ts';
import type { Given, Question } from '../links/link.ts';
import type { AnnouncedAt } from '../links/subscription.ts';
import type { Announcement, WatchedServer } from '../links/announcement.ts';

/** What the members ask about, and whom they tell: at once, in the order of events. The callbacks must not throw. */
export interface MembersPort {
  /** What to ask about now. */
  questions(): readonly Question[];
  /** Whether a master is missing, so that asking should be quicker than the usual beat. */
  isUnsettled(): boolean;
  /** Whether a Sentinel counts for what it names around one master: not before it is known, and no stranger does. */
  trusts(sentinel: string, name: string): boolean;
  /** Whether there are strangers whom the others may come to name yet. */
  hasNewcomers(): boolean;
  /** An answer, unless another address of the same Sentinel has the vote. */
  answered(sentinel: string, question: Question, given: Given): void;
  /**
   * @param id the run id of the Sentinel that announces, where it tells
   * @param at the same announcement where every server has this port
   */
  announced(sentinel: string, announcement: Announcement, id: string | undefined, at: AnnouncedAt): void;
  /**
   * Who a Sentinel is, and whom it knows around one master.
   *
   * @param replicas those of the master, by the port that every server has
   */
  introduced(
    name: string,
    introduction: Omit<Introduction, 'servers'>,
    replicas: ReadonlyMap<number | undefined, readonly WatchedServer[]>,
  ): void;
  /** A Sentinel cannot be heard any more: no connection is left on which it announces things. */
  unlinked(sentinel: string): void;
  /** They have been adjusted, their times with them, and these seeds were not known; the roster changes after this. */
  configured(sentinels: readonly string[]): void;
  /** Others have the vote now. */
  rostered(roster: Roster): void;
}
