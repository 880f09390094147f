import { printable } from '../printable.ts';

/**
 * The first word of a reply that refuses a client. Client libraries decide by it whether to connect again; docs/errors.md has
 * what each of them does. Neither word makes a library believe that the server does not know HELLO.
 */
const refusalWords = {
  /** It passes by itself. The word of Redis for a server that cannot serve yet: libraries take it for a broken connection. */
  later: 'LOADING',
  /** It passes only when somebody changes the configuration. The word of Redis for a client from where nobody may connect. */
  never: 'DENIED',
} as const;

/** What follows the first word, by which a tunnel is known to another, and to a person who reads the log of an application. */
const refusalMark = 'sentinel-tunnel: ';

/** Whether the text of an error reply is the refusal of a tunnel: of this one, or of an older version, which began with `ERR`. */
export function isRefusal(text: string): boolean {
  const [word = '', ...rest] = text.split(' ');
  return /^[A-Z]+$/.test(word) && rest.join(' ').startsWith(refusalMark);
}

/** How long a refused client may take to read the reason and to close, in milliseconds: closing on unread input would reset the line away. */
export const lingeringCloseMs = 1_000;

/**
 * The reply to a client that is refused for a reason that passes by itself: one RESP error. Text from outside that is in the
 * reason cannot end it early.
 */
export function refusalLine(reason: string): string {
  return lineOf(refusalWords.later, reason);
}

/** The reply to a client that is refused until somebody changes a configuration, its own or that of the tunnel. */
export function denialLine(reason: string): string {
  return lineOf(refusalWords.never, reason);
}

function lineOf(word: string, reason: string): string {
  return `-${word} ${refusalMark}${printable(reason.replace(/[\r\n]+/g, ' '))}\r\n`;
}
