import { close, constants, fstat, fstatSync, open, openSync, write, type Stats } from 'node:fs';
import { promisify } from 'node:util';
import { TunnelError } from '../errors.ts';
import { fileTrouble } from './file-trouble.ts';

/** Where lines go. Nothing of it keeps the thread that calls it waiting, whatever stands behind the descriptor. */
export interface Outlet {
  /** Why lines are lost that wait for it too long, as the end of a sentence. */
  readonly slowness: string;
  /**
   * Writes a beginning of the bytes.
   *
   * @returns how many; it may take forever to say so
   * @throws an error with a `code`; `EAGAIN` where there is no room just now
   */
  write(bytes: Uint8Array): Promise<number>;
  /** To be called once, and after every write has ended. */
  close(): void;
}

const unread = 'nobody read them';
const slowDisk = 'the disk took too long';

const writeFd = promisify(write);

/** A descriptor is written to in the thread pool: only a disk, or a file that cannot be made not to block, occupies it for long. */
function outletOf(fd: number, stats: Stats, isOurs: boolean): Outlet {
  return {
    slowness: stats.isFile() ? slowDisk : unread,
    write: async (bytes) => (await writeFd(fd, bytes)).bytesWritten,
    close: () => {
      if (isOurs) close(fd, () => undefined);
    },
  };
}

/** A terminal or a device that nobody reads is not to block, and what stands there is not to become our terminal. */
const notBlocking = constants.O_NONBLOCK | constants.O_NOCTTY;
const toAppend = constants.O_WRONLY | constants.O_APPEND | constants.O_CREAT | notBlocking;

const missing = 'its directory does not exist';

/**
 * Opens a file to append to. It may take forever, where its disk does.
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

/** A pipe that nobody reads, or a socket, is not even opened (open(2), ENXIO). */
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
 * Standard output or standard error. Node writes to files and terminals there before it goes on, and so would stand still with
 * them. A terminal or a pipe is opened once more, so that not blocking is a property of our descriptor alone: the
 * shell and others who have the same terminal go on with theirs as it is.
 */
export function standardOutlet(stream: StandardStream): Outlet {
  const stats = statsOf(stream.fd);
  if (stats === undefined) return nowhere;
  if (stats.isFile()) return outletOf(stream.fd, stats, false);
  const fd = stats.isFIFO() || stats.isCharacterDevice() ? openedAgain(stream.fd) : undefined;
  if (fd !== undefined) return outletOf(fd, stats, true);
  if (stats.isCharacterDevice()) return outletOf(stream.fd, stats, false);
  // A socket, such as the journal's, or a pipe of somebody else: Node does not wait for these.
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

/** For a descriptor that whoever started us has closed. */
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

/** Linux: proc(5) leads to the same pipe or terminal, whatever its name, where its permissions allow it. */
function openedAgain(fd: number): number | undefined {
  try {
    return openSync(`/proc/self/fd/${String(fd)}`, constants.O_WRONLY | notBlocking);
  } catch {
    return undefined;
  }
}
