import { closeSync, constants, fstatSync, openSync, readFileSync } from 'node:fs';
import { fileTrouble } from '../telemetry/file-trouble.ts';

/** What a file that a configuration names holds, and whether everybody may read it. */
export interface FileContent {
  readonly text: string;
  readonly isWorldReadable: boolean;
}

/** @throws an Error that says why, as the end of a sentence */
export type ReadFile = (path: string) => FileContent;

/** Passwords, keys and bundles of CAs; the bundle of a whole distribution has about 220 kB. */
const mostBytes = 1024 * 1024;

/** Reads a small file whole. Not blocking, so that a pipe without a writer cannot stop the start. */
export function readSmallFile(path: string): FileContent {
  let fd: number | undefined;
  try {
    fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
    const stats = fstatSync(fd);
    if (stats.isDirectory()) throw new Error('it is a directory');
    if (!stats.isFile()) throw new Error('it is not a file');
    if (stats.size > mostBytes) throw new Error(`it is longer than ${String(mostBytes)} bytes`);
    return { text: readFileSync(fd, 'utf8'), isWorldReadable: (stats.mode & 0o004) !== 0 };
  } catch (error) {
    throw new Error(whyUnreadable(error), { cause: error });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

/** Why a file cannot be read, as the end of a sentence. */
export function whyUnreadable(thrown: unknown): string {
  return fileTrouble(thrown, 'no such file');
}
