import type { Question } from './link.ts';
import type { Announcement, Answer } from './words.ts';

/** What the members ask about, and whom they tell: at once, in the order of events. The callbacks must not throw. */
export interface MembersPort {
  /** What to ask about now. */
  questions(): readonly Question[];
  /** Whether a master is missing, so that asking should be quicker than the usual beat. */
  isUnsettled(): boolean;
  /** An answer, unless another address of the same Sentinel has the vote. */
  answered(sentinel: string, question: Question, answer: Answer): void;
  /** An announcement, unless another address of the same Sentinel has the vote. */
  announced(sentinel: string, announcement: Announcement): void;
  /** The connection on which it announces things has broken. */
  unlinked(sentinel: string): void;
  /** They have been adjusted, `freshMs` with them, and these seeds were not known; the roster changes after this. */
  configured(sentinels: readonly string[]): void;
  /** Others have the vote now: these, in order of preference. */
  rostered(sentinels: readonly string[]): void;
}
