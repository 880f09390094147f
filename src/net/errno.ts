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
  EMFILE: 'no file descriptor is left to this process',
  ENFILE: 'no file descriptor is left on this machine',
};

/** The code of a connection that failed, for a sentence: what it means, where that is known, and the code itself. */
export function errnoWords(code: string): string {
  const meaning = meanings[code];
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
