import type { DatabaseStatus, SaidStatus, SentinelStatus } from '../status.ts';
import { clockText } from './format.ts';

/** How good something is. It is always said by a sign and a word too, never by colour alone. */
export type Tone = 'good' | 'busy' | 'poor' | 'bad' | 'plain' | 'idle';

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
  /** One or two words, for the wall. */
  readonly word: string;
  /** What it means for clients, and why it is so. */
  readonly sentence: string;
}

/** What the phase of a database is called, and what it means. */
export function wordingOf(database: DatabaseStatus): Wording {
  const { view, master, standing, degraded, listen, hold } = database;
  const { phase } = view;
  const { agreeing, answering, known } = view.sentinels;
  const closed = listen.find(({ open }) => !open);
  if (closed) {
    const why = closed.reason === null ? '' : `: ${closed.reason}`;
    return { tone: 'bad', word: 'Not listening', sentence: `Cannot listen on ${closed.address}${why}` };
  }
  if (hold && phase.kind === 'serving') {
    return {
      tone: 'poor',
      word: 'Held',
      sentence: `New connections wait: ${hold.reason}, until ${clockText(hold.until)} or released`,
    };
  }
  switch (phase.kind) {
    case 'serving':
      if (degraded.length > 0) {
        return {
          tone: 'poor',
          word: 'Degraded',
          sentence: `Clients are led to ${master ?? ''}, but ${degraded.join('; ')}`,
        };
      }
      return standing === 'provisional'
        ? {
            tone: 'busy',
            word: 'Serving',
            sentence: `Provisional: ${master ?? ''} says that it is the master, and the answer of a Sentinel is awaited`,
          }
        : {
            tone: 'good',
            word: 'Serving',
            sentence: `Confirmed: ${agreement(agreeing, answering, known)} this master`,
          };
    case 'fenced':
      return {
        tone: 'busy',
        word: 'Fenced',
        sentence: `Connections were cut and new ones wait: ${phase.reason}`,
      };
    case 'lost':
      return { tone: 'bad', word: 'Lost', sentence: `New connections wait: ${phase.reason}` };
    case 'forbidden':
      return { tone: 'bad', word: 'Refusing', sentence: `New connections are refused: ${phase.reason}` };
    case 'unknown':
      // Asking and verifying are over in a moment; that nobody knows the master is not.
      return {
        tone: /^(asking|verifying) /.test(phase.reason) ? 'idle' : 'bad',
        word: 'Unknown',
        sentence: `New connections wait: ${phase.reason}`,
      };
  }
}

function agreement(agreeing: number, answering: number, known: number): string {
  if (agreeing === known)
    return known === 1 ? 'the one Sentinel names' : `all ${String(known)} Sentinels name`;
  const silent = known - answering;
  const rest = silent > 0 ? ` (${String(silent)} ${silent === 1 ? 'gives' : 'give'} no answer)` : '';
  return `${String(agreeing)} of ${String(known)} Sentinels${rest} name`;
}

/** What a Sentinel says of a database, in words. */
export function saidWording(
  sentinel: SentinelStatus,
  said: SaidStatus | undefined,
  standing: DatabaseStatus['standing'],
): Wording {
  if (sentinel.state === 'unknown' || !said)
    return { tone: 'idle', word: 'not asked yet', sentence: 'It has not been asked yet' };
  const text = said.text ?? '';
  switch (said.kind) {
    case 'unreachable':
      return { tone: 'bad', word: 'no answer', sentence: `It gives no answer: ${text}` };
    case 'error':
      return { tone: 'bad', word: 'answers an error', sentence: `It answers an error: ${text}` };
    case 'unknown':
      return { tone: 'bad', word: 'does not know it', sentence: 'It does not monitor this master' };
    case 'address': {
      const epoch = said.epoch === null ? '' : `, epoch ${String(said.epoch)}`;
      const flags = said.flags.filter((flag) => flag !== 'master');
      const named = `It names ${[`${said.address ?? ''}${epoch}`, ...flags].join(', ')}`;
      if (said.stranger)
        return {
          tone: 'poor',
          word: 'stranger',
          sentence: `${named}: it belongs to another deployment, and has no vote`,
        };
      // Sentinels answer with the next master about a second after it has been promoted: that is no dispute.
      if (said.agrees === false && standing === 'provisional')
        return { tone: 'busy', word: 'not yet', sentence: `${named}: the master before, as yet` };
      if (said.agrees === false)
        return { tone: 'poor', word: 'disagrees', sentence: `${named}: not the master that is served` };
      if (flags.some((flag) => flag.endsWith('_down')))
        return {
          tone: 'poor',
          word: flags.includes('o_down') ? 'agreed: down' : 'says: down',
          sentence: named,
        };
      if (said.agrees === null) return { tone: 'plain', word: 'answers', sentence: named };
      return { tone: 'good', word: 'agrees', sentence: named };
    }
  }
}

/** Whether its announcements are heard, in words. */
export function hearing({ subscription }: SentinelStatus): string {
  switch (subscription) {
    case 'subscribed':
      return 'heard';
    case 'refused':
      return 'refused by its ACL';
    case 'none':
      return 'not heard';
  }
}
