import { printable } from '../printable.ts';

/**
 * The error code of the reply to a refused client. Client libraries decide by it whether to reconnect; docs/errors.md lists what each of
 * them does. Neither code makes a library conclude that the server does not know HELLO.
 */
const refusalCodes = {
  /** For temporary reasons. Redis sends it while a server cannot serve yet; libraries treat it like a broken connection. */
  later: 'LOADING',
  /** For reasons that only a change of configuration ends. Redis sends it to clients that may not connect. */
  never: 'DENIED',
} as const;

/** Follows the code. It identifies a tunnel to another tunnel, and in the log of an application. */
const refusalMark = 'sentinel-tunnel: ';

/** Whether an error reply is the refusal of a tunnel. Older versions used the code `ERR`. */
export function isRefusal(text: string): boolean {
  const [code = '', ...rest] = text.split(' ');
  return /^[A-Z]+$/.test(code) && rest.join(' ').startsWith(refusalMark);
}

/** How long a refused client may take to read the reason and close, in milliseconds. Closing while input is unread would reset the connection and lose the reason. */
export const lingeringCloseMs = 1_000;

/**
 * @param reason may contain text from outside, which cannot end the line early
 * @returns the RESP error for a client that is refused for a temporary reason
 */
export function refusalLine(reason: string): string {
  return lineOf(refusalCodes.later, reason);
}

/** @returns the RESP error for a client that is refused until a configuration changes, its own or that of the tunnel */
export function denialLine(reason: string): string {
  return lineOf(refusalCodes.never, reason);
}

function lineOf(code: string, reason: string): string {
  return `-${code} ${refusalMark}${printable(reason.replace(/[\r\n]+/g, ' '))}\r\n`;
}
