import { close, constants, fstat, fstatSync, open, openSync, write, type Stats } from 'node:fs';
import { promisify } from 'node:util';
import { TunnelError } from '../errors.ts';
import { fileTrouble } from './file-trouble.ts';

/** A destination of log lines. It never blocks the calling thread, whatever kind of file it is. */
export interface Outlet {
  /** Why lines are dropped when it is slow, for the end of a sentence. */
  readonly slowness: string;
  /**
   * Writes some of the bytes, from the start.
   *
   * @returns how many; may never resolve
   * @throws an error with a `code`; `EAGAIN` when there is no room
   */
  write(bytes: Uint8Array): Promise<number>;
  /** Call it once, after every write has ended. */
  close(): void;
}

const unread = 'nobody read them';
const slowDisk = 'the disk took too long';

const writeFd = promisify(write);

/** Writes in the thread pool; only a slow disk, or a file that must block, occupies a thread for long. */
function outletOf(fd: number, stats: Stats, isOurs: boolean): Outlet {
  return {
    slowness: stats.isFile() ? slowDisk : unread,
    write: async (bytes) => (await writeFd(fd, bytes)).bytesWritten,
    close: () => {
      if (isOurs) close(fd, () => undefined);
    },
  };
}

/** A terminal or device without a reader does not block, and does not become the controlling terminal. */
const notBlocking = constants.O_NONBLOCK | constants.O_NOCTTY;
const toAppend = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | notBlocking;

const missing = 'its directory does not exist';

/**
 * Opens a file for appending. May never resolve, if the disk hangs.
 *
 * @throws TunnelError `ST_LOG_UNWRITABLE`
 */
export async function openLogFile(path: string): Promise<Outlet> {
  let fd: number | undefined;
  try {
    fd = await promisify(open)(path, toAppend, 0o640);
    const stats = await promisify(fstat)(fd);
    if (stats.isFIFO()) throw new Error('it is a pipe, expected a file');
    return outletOf(fd, stats, true);
  } catch (cause) {
    if (fd !== undefined) close(fd, () => undefined);
    throw unwritable(path, fileTrouble(pipeTrouble(cause), missing), cause);
  }
}

/** @param why the end of the sentence */
export function unwritable(path: string, why: string, cause?: unknown): TunnelError {
  return new TunnelError('ST_LOG_UNWRITABLE', `Cannot write log "${path}": ${why}`, { cause });
}

/** Opening a pipe without a reader, or a socket, fails with ENXIO (open(2)). */
function pipeTrouble(thrown: unknown): unknown {
  const isPipe = thrown instanceof Error && 'code' in thrown && thrown.code === 'ENXIO';
  return isPipe ? new Error('it is a pipe or a socket, expected a file') : thrown;
}

/** A stream of the process: `process.stdout` or `process.stderr`. */
export interface StandardStream {
  readonly fd: number;
  write(bytes: Uint8Array, done: (error?: Error | null) => void): unknown;
}

/**
 * The outlet for standard output or standard error. Node writes to files and terminals synchronously, which would block. A terminal or
 * a pipe is opened again, so that O_NONBLOCK applies only to our descriptor and not to the shell's.
 */
export function standardOutlet(stream: StandardStream): Outlet {
  const stats = statsOf(stream.fd);
  if (stats === undefined) return nowhere;
  if (stats.isFile()) return outletOf(stream.fd, stats, false);
  const fd = stats.isFIFO() || stats.isCharacterDevice() ? openedAgain(stream.fd) : undefined;
  if (fd !== undefined) return outletOf(fd, stats, true);
  if (stats.isCharacterDevice()) return outletOf(stream.fd, stats, false);
  // A socket, such as the journal's, or a pipe of another user: Node writes to these asynchronously.
  return {
    slowness: unread,
    write: (bytes) =>
      new Promise((resolve, reject) => {
        stream.write(bytes, (error) => {
          if (error) reject(error);
          else resolve(bytes.length);
        });
      }),
    close: () => undefined,
  };
}

/** For a descriptor that the parent process has closed. */
const nowhere: Outlet = {
  slowness: unread,
  write: (bytes) => Promise.resolve(bytes.length),
  close: () => undefined,
};

function statsOf(fd: number): Stats | undefined {
  try {
    return fstatSync(fd);
  } catch {
    return undefined;
  }
}

/** Linux: opens the same pipe or terminal through proc(5), if its permissions allow it. */
function openedAgain(fd: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${String(fd)}`, constants.O_WRONLY | notBlocking);
  } catch {
    return undefined;
  }
}
