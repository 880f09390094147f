import { chmod, chown, lstat, mkdir, rename, rmdir, unlink, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { messageOf } from '../errors.ts';
import { fileTrouble } from '../telemetry/file-trouble.ts';
import { longestUnixPath } from './endpoint.ts';

/** Identifies a socket file, so that only a file that this process made is removed. */
export interface SocketFile {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
}

/** Who may connect to a socket file: connecting needs write permission (unix(7)). */
export interface SocketAccess {
  /** Permissions; `undefined` leaves them to the umask. */
  readonly mode: number | undefined;
  /** As in `resolveOwner`; `undefined` leaves it to the user of the process. */
  readonly owner: string | undefined;
}

/**
 * Checks that a listener may bind at `temporaryPath(path)` and then `claim` the path: it must be free, or a socket without a listener.
 * Call `abandon` if no claim follows.
 *
 * @throws Error with the reason
 */
export async function prepareClaim(path: string): Promise<void> {
  const temporary = temporaryPath(path);
  if (Buffer.byteLength(path) > longestUnixPath)
    throw new Error(`The path "${path}" is longer than ${String(longestUnixPath)} bytes`);
  await assertUnserved(path);
  if (await assertUnserved(temporary)) await unlink(temporary);
  // A leftover folder is replaced, because another user may own it.
  await rmdir(folderOf(path)).catch(absent);
  await mkdir(folderOf(path), { mode: 0o700 });
}

/** @returns whether a socket file exists. @throws Error if it has a listener or is no socket */
async function assertUnserved(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(absent);
  if (!stats) return false;
  if (!stats.isSocket()) throw new Error(`"${path}" exists and is not a socket`);
  if (await isServed(path)) throw new Error(`"${path}" is served by another listener`);
  return true;
}

/** A private folder: nobody else can connect to a socket in it before its permissions are set. */
function folderOf(path: string): string {
  return `${path}.n`;
}

/**
 * Where a listener binds first. A rename then moves the socket to its path atomically, over a stale socket or none, and libuv, which
 * removes the bound name on close, finds nothing to remove.
 */
export function temporaryPath(path: string): string {
  return `${folderOf(path)}/s`;
}

/**
 * Gives a bound socket its permissions, then moves it from its temporary path to `path`.
 *
 * @throws Error with the step that failed
 */
export async function claim(path: string, { mode, owner }: SocketAccess): Promise<SocketFile> {
  const bound = temporaryPath(path);
  // In this order: after chown(2) the old owner may no longer change the permissions (chmod(2), EPERM).
  if (mode !== undefined) await chmod(bound, mode);
  if (owner !== undefined) {
    const { uid, gid } = await resolveOwner(owner);
    await chown(bound, uid, gid).catch((cause: unknown) => {
      throw new Error(`Cannot change its owner to "${owner}": ${fileTrouble(cause, messageOf(cause))}`, {
        cause,
      });
    });
  }
  await rename(bound, path);
  await abandon(path);
  const { dev, ino } = await lstat(path);
  return { path, dev, ino };
}

/** Removes the temporary files of a claim. Ignores failures, because the next claim tries again. */
export async function abandon(path: string): Promise<void> {
  await unlink(temporaryPath(path)).catch(() => undefined);
  await rmdir(folderOf(path)).catch(() => undefined);
}

/**
 * Removes a socket file, unless another file has replaced it. Ignores failures, because the next listener replaces the file.
 */
export async function release(file: SocketFile): Promise<void> {
  try {
    const { dev, ino } = await lstat(file.path);
    if (dev === file.dev && ino === file.ino) await unlink(file.path);
  } catch {
    // already gone, or no permission: see above
  }
}

function absent(error: unknown): undefined {
  if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined;
  throw error;
}

/** Only a refused connection proves that a socket has no listener; EACCES or EAGAIN do not. */
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

/** Numbers as chown(2) takes them; -1 leaves the user or the group as it is. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const unchanged = -1;

/**
 * Resolves `user`, `user:group` or `:group`, by name or number. Node has no getpwnam(3), so names come only from the local files
 * (passwd(5), group(5)); users of a directory service need numbers.
 *
 * @throws Error with the unknown user or group
 */
async function resolveOwner(owner: string): Promise<Owner> {
  const [user = '', group = ''] = owner.split(':');
  return {
    uid: user === '' ? unchanged : await numberOf(user, 'user', '/etc/passwd'),
    gid: group === '' ? unchanged : await numberOf(group, 'group', '/etc/group'),
  };
}

async function numberOf(name: string, kind: string, file: string): Promise<number> {
  if (/^\d+$/.test(name)) return Number(name);
  const lines = (await readFile(file, 'utf8')).split('\n');
  for (const line of lines) {
    const [found, , number = ''] = line.split(':');
    if (found === name && /^\d+$/.test(number)) return Number(number);
  }
  throw new Error(`Unknown ${kind} "${name}" in ${file}; use a number instead`);
}
