import { closeSync, openSync, statSync, writeSync } from 'node:fs';
import { TunnelError } from '../errors.ts';
import { fileTrouble } from './file-trouble.ts';

const missing = 'its directory does not exist';

/**
 * A file that lines are appended to, written before `write` returns, so that the last words before an exit are
 * kept. A full disk loses lines; it does not end the process.
 */
export class FileSink {
  readonly #path: string;
  #fd: number;

  /** @throws TunnelError `ST_LOG_UNWRITABLE` */
  constructor(path: string) {
    this.#path = path;
    this.#fd = openToAppend(path);
  }

  /** @returns why the text was not written, or not all of it; `undefined` where it was */
  write(text: string): string | undefined {
    const bytes = Buffer.from(text);
    try {
      for (let from = 0; from < bytes.length;) from += writeSync(this.#fd, bytes, from);
      return undefined;
    } catch (error) {
      return fileTrouble(error, missing);
    }
  }

  /**
   * Opens the path anew, after something has moved the file away. Goes on with the old one where it cannot.
   *
   * @throws TunnelError `ST_LOG_UNWRITABLE`
   */
  reopen(): void {
    const fd = openToAppend(this.#path);
    closeSync(this.#fd);
    this.#fd = fd;
  }

  close(): void {
    if (this.#fd >= 0) closeSync(this.#fd);
    this.#fd = -1;
  }
}

function openToAppend(path: string): number {
  try {
    // A pipe whose reader stops would stop the tunnel with it, in the middle of a failover too.
    if (statSync(path, { throwIfNoEntry: false })?.isFIFO()) throw new Error('it is a pipe, expected a file');
    return openSync(path, 'a', 0o640);
  } catch (cause) {
    throw new TunnelError('ST_LOG_UNWRITABLE', `Cannot write log "${path}": ${fileTrouble(cause, missing)}`, {
      cause,
    });
  }
}
