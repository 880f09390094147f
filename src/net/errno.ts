import { messageOf } from '../errors.ts';
import { fileTrouble } from '../telemetry/file-trouble.ts';

/** What those say that are met the most: connect(2), getaddrinfo(3). */
const meanings: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no way there',
  ENETUNREACH: 'no way there',
  ENOTFOUND: 'its name does not resolve',
  EAI_AGAIN: 'its name does not resolve now',
};

/** What is short here, when a connection to somebody else fails by it: socket(2), connect(2). */
const shortages: Readonly<Record<string, string>> = {
  EMFILE: 'this process has no file descriptor left',
  ENFILE: 'this host has no file descriptor left',
  EADDRNOTAVAIL: 'this host has no local port left for it',
  ENOBUFS: 'this host has no buffers left',
  ENOMEM: 'this host has no memory left',
};

/** Whether a connection failed for want of something of this host: it says nothing of whoever was to be connected to. */
export function isOwnShortage(code: string): boolean {
  return Object.hasOwn(shortages, code);
}

/** The code of a connection that failed, for a sentence: what it means, where that is known, and the code itself. */
export function errnoWords(code: string): string {
  const meaning = meanings[code] ?? shortages[code];
  return meaning === undefined ? code : `${meaning} (${code})`;
}

/** bind(2), listen(2), getaddrinfo(3). */
const hindrances: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'permission denied',
  ENOTFOUND: 'its name does not resolve',
  EAI_AGAIN: 'its name does not resolve now',
};

/** Why an address cannot be listened on, as the end of a sentence that has named it. */
export function whyNotListening(thrown: unknown): string {
  const [code = ''] = /\bE[A-Z_]{4,}\b/.exec(messageOf(thrown)) ?? [];
  const meaning = hindrances[code];
  return meaning === undefined ? fileTrouble(thrown, 'its directory does not exist') : `${meaning} (${code})`;
}
