import { closeSync, constants, fstatSync, openSync, readFileSync, type Stats } from 'node:fs';
import { open } from 'node:fs/promises';
import { fileTrouble } from '../telemetry/file-trouble.ts';

/** What a file that a configuration names holds, and whether everybody may read it. */
export interface FileContent {
  readonly text: string;
  readonly isWorldReadable: boolean;
}

/** @throws an Error that says why, as the end of a sentence */
export type ReadFile = (path: string) => FileContent;

/**
 * Configurations, which are parsed in one go by the thread that hears the Sentinels, passwords, keys and bundles of CAs; the bundle of a
 * whole distribution has about 220 kB.
 */
export const mostFileBytes = 1024 * 1024;

/** Without waiting for somebody to write to a pipe. */
const toRead = constants.O_RDONLY | constants.O_NONBLOCK;

/** Reads a small file whole, in the thread pool: its disk may take forever. */
export async function fetchSmallFile(path: string): Promise<FileContent> {
  try {
    await using file = await open(path, toRead);
    const stats = await file.stat();
    assertSmall(stats);
    return contentOf(await file.readFile('utf8'), stats);
  } catch (error) {
    throw new Error(whyUnreadable(error), { cause: error });
  }
}

/** The same at once, for a program that does not run yet. */
export function readSmallFile(path: string): FileContent {
  let fd: number | undefined;
  try {
    fd = openSync(path, toRead);
    const stats = fstatSync(fd);
    assertSmall(stats);
    return contentOf(readFileSync(fd, 'utf8'), stats);
  } catch (error) {
    throw new Error(whyUnreadable(error), { cause: error });
  } finally {
    if (fd !== undefined) closeSync(fd);
  }
}

function assertSmall(stats: Stats): void {
  if (stats.isDirectory()) throw new Error('it is a directory');
  if (!stats.isFile()) throw new Error('it is not a file');
  if (stats.size > mostFileBytes) throw new Error(`it is longer than ${String(mostFileBytes)} bytes`);
}

function contentOf(text: string, { mode }: Stats): FileContent {
  return { text, isWorldReadable: (mode & 0o004) !== 0 };
}

/** Why a file cannot be read, as the end of a sentence. */
export function whyUnreadable(thrown: unknown): string {
  return fileTrouble(thrown, 'no such file');
}
