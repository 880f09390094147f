import { readFile } from 'node:fs/promises';
import { TunnelError } from '../errors.ts';
import type { Config } from './config.ts';
import { whyUnreadable } from './files.ts';
import { type Overlay, parseConfig } from './parse.ts';
import { parseText } from './text.ts';

/**
 * Reads a file and makes a configuration of it.
 *
 * @throws TunnelError `ST_CONFIG_UNREADABLE` where there is no such text, `ST_CONFIG_INVALID` where it is wrong
 */
export async function readConfig(file: string, overlay: Overlay = {}): Promise<Config> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    throw new TunnelError(
      'ST_CONFIG_UNREADABLE',
      `Cannot read configuration "${file}": ${whyUnreadable(cause)}`,
      {
        cause,
      },
    );
  }
  return parseConfig(parseText(text, file), file, overlay);
}
