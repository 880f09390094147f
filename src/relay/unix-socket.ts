import { lstat, rename, unlink } from 'node:fs/promises';
import { connect } from 'node:net';

/** Linux has 108 bytes for the path in `sockaddr_un` with its final NUL (unix(7)), macOS and the BSDs 104. */
const longestPath = 103;

/** Who a socket file is, so that only the one that was made here is ever removed. */
export interface SocketFile {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
}

/** Whether something stands at `path` that a listener may replace: nothing, or a socket nobody serves. Throws why not. */
export async function assertClaimable(path: string): Promise<void> {
  if (Buffer.byteLength(temporaryPath(path)) > longestPath)
    throw new Error(`The path "${path}" is longer than ${String(longestPath - suffix.length)} bytes`);
  const stats = await lstat(path).catch(absent);
  if (!stats) return;
  if (!stats.isSocket()) throw new Error(`"${path}" exists and is not a socket`);
  if (await isServed(path)) throw new Error(`Another process serves "${path}"`);
}

const suffix = '.new';

/**
 * Where a listener binds before it takes its place: a rename puts it there atomically, over a stale socket or over
 * nothing, and whoever closes the listener by its bound name (libuv does) finds nothing to remove.
 */
export function temporaryPath(path: string): string {
  return path + suffix;
}

/** Moves a bound socket from its temporary path to `path`. */
export async function claim(path: string): Promise<SocketFile> {
  await rename(temporaryPath(path), path);
  const { dev, ino } = await lstat(path);
  return { path, dev, ino };
}

/** Removes a socket file, unless something else stands at its path by now. */
export async function release(file: SocketFile): Promise<void> {
  const stats = await lstat(file.path).catch(absent);
  if (stats?.dev === file.dev && stats.ino === file.ino) await unlink(file.path).catch(absent);
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

/** A socket that refuses has no listener; any other answer (even EACCES or EAGAIN) may mean that somebody has. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}
