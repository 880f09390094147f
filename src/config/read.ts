import { createReadStream } from 'node:fs';
import { text } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { TunnelError } from '../errors.ts';
import type { Config } from './types.ts';
import { fetchSmallFile, mostFileBytes, type FileContent, type ReadFile, whyUnreadable } from './files.ts';
import { type Overlay, parseConfig } from './parse.ts';
import { parseText } from './text.ts';

/**
 * Reads a file and makes a configuration of it. The thread that hears the Sentinels waits for no disk meanwhile, and does other
 * things between two parts of the work.
 *
 * @throws TunnelError `ST_CONFIG_UNREADABLE` where there is no such text, `ST_CONFIG_INVALID` where it is wrong
 */
export async function readConfig(file: string, overlay: Overlay = {}): Promise<Config> {
  const input = parseText(await textOf(file), file);
  // What reads them itself has them at hand.
  if (overlay.readFile) return parseConfig(input, file, overlay);
  const contents = new Map<string, FileContent | Error>();
  // What it names is known when it has been parsed: it is parsed again with all of that at hand.
  for (;;) {
    await nextTurn();
    const wanted = new Set<string>();
    const parsed = attempt(input, file, { ...overlay, readFile: knownAlone(contents, wanted) });
    if (wanted.size === 0) return parsed();
    // One after another: a disk that takes forever is to occupy one thread of the pool.
    for (const path of wanted) contents.set(path, await fetchSmallFile(path).catch(asError));
  }
}

/** What is read out of memory; a file that is not there is wanted. */
function knownAlone(contents: ReadonlyMap<string, FileContent | Error>, wanted: Set<string>): ReadFile {
  return (path) => {
    const content = contents.get(path);
    if (content === undefined) wanted.add(path);
    if (content === undefined || content instanceof Error) throw content ?? new Error('it is not read yet');
    return content;
  };
}

/** Gives what has come of it: a configuration, or why there is none. */
function attempt(input: unknown, file: string, overlay: Overlay): () => Config {
  try {
    const config = parseConfig(input, file, overlay);
    return () => config;
  } catch (error) {
    return () => {
      throw error;
    };
  }
}

async function textOf(file: string): Promise<string> {
  try {
    // It may be a pipe: the shell gives one for `<(command)`.
    const read = await text(createReadStream(file, { end: mostFileBytes }));
    if (Buffer.byteLength(read) > mostFileBytes)
      throw new Error(`it is longer than ${String(mostFileBytes)} bytes`);
    return read;
  } catch (cause) {
    const why = whyUnreadable(cause);
    throw new TunnelError('ST_CONFIG_UNREADABLE', `Cannot read configuration "${file}": ${why}`, { cause });
  }
}

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
