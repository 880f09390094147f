import type { DatabaseStatus, SaidStatus } from '../admin/status.ts';
import { databaseWording, saidWording, type Drain } from '../admin/wording.ts';
import { printable } from '../printable.ts';

/** The state of a database for a terminal: its word in capitals, since not all have colours. */
export interface State {
  readonly word: string;
  readonly meaning: string;
  /** Why it is so; `undefined` where all is well. */
  readonly reason: string | undefined;
  /** Since when, ISO 8601. */
  readonly since: string;
}

export function stateOf(database: DatabaseStatus, now: Date, program?: Drain): State {
  const { word, meaning, reason, since } = databaseWording(database, now, program);
  return {
    word: printable(word).toUpperCase(),
    meaning: printable(meaning),
    reason: reason === undefined ? undefined : printable(reason),
    since,
  };
}

export interface SaidText {
  readonly text: string;
  /** `well`: it names the server that is served, and has nothing against it. */
  readonly tone: 'well' | 'plain' | 'odd';
}

/** What a Sentinel says of a database; in capitals what is wrong with the Sentinel. */
export function saidText(said: SaidStatus, standing: DatabaseStatus['standing']): SaidText {
  const { tone, word, detail, isFault } = saidWording(said, standing);
  const text = printable(isFault ? `${word.toUpperCase()}: ${detail}` : detail);
  if (tone === 'good') return { text, tone: 'well' };
  return { text, tone: tone === 'bad' || tone === 'poor' ? 'odd' : 'plain' };
}
