import { messageOf } from '../errors.ts';
import { fileTrouble } from '../telemetry/file-trouble.ts';

/** Common errors of connect(2) and getaddrinfo(3). */
const meanings: Readonly<Record<string, string>> = {
  ECONNREFUSED: 'connection refused',
  ETIMEDOUT: 'no answer',
  EHOSTUNREACH: 'no route to host',
  ENETUNREACH: 'no route to its network',
  ENOTFOUND: 'its name does not resolve',
  EAI_AGAIN: 'its name does not resolve now',
};

/** Errors of socket(2) and connect(2) that mean a shortage on this host. */
const shortages: Readonly<Record<string, string>> = {
  EMFILE: 'this process has no file descriptor left',
  ENFILE: 'this host has no file descriptor left',
  EADDRNOTAVAIL: 'this host has no local port left for it',
  ENOBUFS: 'this host has no buffers left',
  ENOMEM: 'this host has no memory left',
};

/** Whether a connection failed by a shortage of this host, which says nothing about the other side. */
export function isOwnShortage(code: string): boolean {
  return Object.hasOwn(shortages, code);
}

/** @returns the code of a failed connection for a sentence: its meaning, if known, and the code */
export function errnoWords(code: string): string {
  const meaning = meanings[code] ?? shortages[code];
  return meaning === undefined ? code : `${meaning} (${code})`;
}

/** bind(2), listen(2), getaddrinfo(3). */
const bindErrors: Readonly<Record<string, string>> = {
  EADDRINUSE: 'another program listens there',
  EADDRNOTAVAIL: 'this machine has no such address',
  EACCES: 'permission denied',
  ENOTFOUND: 'its name does not resolve',
  EAI_AGAIN: 'its name does not resolve now',
};

/** @returns why an address cannot be listened on, for the end of a sentence that already names it */
export function whyNotListening(thrown: unknown): string {
  const [code = ''] = /\bE[A-Z_]{4,}\b/.exec(messageOf(thrown)) ?? [];
  const meaning = bindErrors[code];
  return meaning === undefined ? fileTrouble(thrown, 'its directory does not exist') : `${meaning} (${code})`;
}
