import { lstat, rename, unlink } from 'node:fs/promises';
import { connect } from 'node:net';
import { longestUnixPath } from '../net/endpoint.ts';

/** Who a socket file is, so that only the one that was made here is ever removed. */
export interface SocketFile {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
}

/**
 * Makes sure that a listener may bind at `temporaryPath(path)` and then `claim` the path: nothing stands there, or a
 * socket that nobody serves.
 *
 * @throws why not
 */
export async function prepareClaim(path: string): Promise<void> {
  const temporary = temporaryPath(path);
  if (Buffer.byteLength(path) > longestUnixPath)
    throw new Error(`The path "${path}" is longer than ${String(longestUnixPath)} bytes`);
  await assertUnserved(path);
  if (await assertUnserved(temporary)) await unlink(temporary);
}

/** @returns whether a socket stands there */
async function assertUnserved(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(absent);
  if (!stats) return false;
  if (!stats.isSocket()) throw new Error(`"${path}" exists and is not a socket`);
  if (await isServed(path)) throw new Error(`"${path}" is served by another listener`);
  return true;
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

/**
 * Removes a socket file, unless something else stands at its path by now. One that cannot be removed keeps nobody from
 * closing: the next to listen there replaces it.
 */
export async function release(file: SocketFile): Promise<void> {
  try {
    const { dev, ino } = await lstat(file.path);
    if (dev === file.dev && ino === file.ino) await unlink(file.path);
  } catch {
    // gone already, or not ours to remove: see above
  }
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
