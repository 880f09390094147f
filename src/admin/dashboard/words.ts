import type { DatabaseStatus, SaidStatus, SentinelStatus } from '../status.ts';
import { databaseWording, saidWording, type Tone } from '../wording.ts';

/** A sign for each severity, so that colour is never the only difference. */
export const signs: Readonly<Record<Tone, string>> = {
  good: '✓',
  busy: '◐',
  poor: '!',
  bad: '✕',
  plain: '•',
  idle: '?',
};

export interface Wording {
  readonly tone: Tone;
  /** One or two words. */
  readonly word: string;
  /** What it means for clients, and why. */
  readonly sentence: string;
}

/** @returns the name and the meaning of the state of a database */
export function wordingOf(database: DatabaseStatus): Wording {
  const { view, master, standing, degraded } = database;
  const { tone, word, meaning, reason } = databaseWording(database, new Date());
  if (word !== 'Serving') {
    // Asking and verifying take a moment; an unknown master may last.
    const isPassing = word === 'Unknown' && /^(asking|verifying) /.test(reason ?? '');
    const sentence = [meaning, reason].filter(Boolean).join(': ');
    return { tone: isPassing ? 'idle' : tone, word, sentence: capitalized(sentence) };
  }
  if (degraded.length > 0) {
    const sentence = `Clients are connected to ${master ?? ''}, but ${degraded.join('; ')}`;
    return { tone: 'poor', word: 'Degraded', sentence };
  }
  if (standing === 'provisional') {
    const sentence = `Provisional: ${master ?? ''} reports role:master, no Sentinel has confirmed it yet`;
    return { tone, word, sentence };
  }
  const { agreeing, answering, known } = view.sentinels;
  return { tone, word, sentence: `Confirmed: ${agreement(agreeing, answering, known)} this master` };
}

function capitalized(text: string): string {
  return text.slice(0, 1).toUpperCase() + text.slice(1);
}

function agreement(agreeing: number, answering: number, known: number): string {
  if (agreeing === known)
    return known === 1 ? 'the one Sentinel names' : `all ${String(known)} Sentinels name`;
  const silent = known - answering;
  const rest = silent > 0 ? ` (${String(silent)} ${silent === 1 ? 'gives' : 'give'} no answer)` : '';
  return `${String(agreeing)} of ${String(known)} Sentinels${rest} name`;
}

/** @returns the reply of a Sentinel for a database */
export function answerOf(
  sentinel: SentinelStatus,
  said: SaidStatus | undefined,
  standing: DatabaseStatus['standing'],
): Wording {
  if (sentinel.state === 'unknown' || !said)
    return { tone: 'idle', word: 'not asked yet', sentence: 'Not asked yet' };
  const { tone, word, detail } = saidWording(said, standing);
  const sentence = said.kind === 'address' ? `It names ${detail}` : `${capitalized(word)}: ${detail}`;
  return { tone, word, sentence };
}
