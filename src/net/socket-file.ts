import { chmod, chown, lstat, mkdir, rename, rmdir, unlink, readFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { messageOf } from '../errors.ts';
import { fileTrouble } from '../telemetry/file-trouble.ts';
import { longestUnixPath } from './endpoint.ts';

/** Who a socket file is, so that only the one that was made here is ever removed. */
export interface SocketFile {
  readonly path: string;
  readonly dev: number;
  readonly ino: number;
}

/** Who may connect to a socket file: write permission is what it takes (unix(7)). */
export interface SocketAccess {
  /** Permissions; `undefined` leaves them to the umask. */
  readonly mode: number | undefined;
  /** As `resolveOwner` reads it; `undefined` leaves it to whoever runs this. */
  readonly owner: string | undefined;
}

/**
 * Makes sure that a listener may bind at `temporaryPath(path)` and then `claim` the path: nothing stands there, or a
 * socket that nobody serves. Whoever does not come to claim it calls `abandon`.
 *
 * @throws why not
 */
export async function prepareClaim(path: string): Promise<void> {
  const temporary = temporaryPath(path);
  if (Buffer.byteLength(path) > longestUnixPath)
    throw new Error(`The path "${path}" is longer than ${String(longestUnixPath)} bytes`);
  await assertUnserved(path);
  if (await assertUnserved(temporary)) await unlink(temporary);
  // One that was left behind is made anew, for it may not be ours.
  await rmdir(folderOf(path)).catch(absent);
  await mkdir(folderOf(path), { mode: 0o700 });
}

/** @returns whether a socket stands there */
async function assertUnserved(path: string): Promise<boolean> {
  const stats = await lstat(path).catch(absent);
  if (!stats) return false;
  if (!stats.isSocket()) throw new Error(`"${path}" exists and is not a socket`);
  if (await isServed(path)) throw new Error(`"${path}" is served by another listener`);
  return true;
}

/** A folder that nobody else can enter: until its permissions are right, nobody can connect to what is bound in it. */
function folderOf(path: string): string {
  return `${path}.n`;
}

/**
 * Where a listener binds before it takes its place: a rename puts it there atomically, over a stale socket or over
 * nothing, and whoever closes the listener by its bound name (libuv does) finds nothing to remove.
 */
export function temporaryPath(path: string): string {
  return `${folderOf(path)}/s`;
}

/**
 * Gives a bound socket its permissions, then moves it from its temporary path to `path`.
 *
 * @throws Error saying what could not be done
 */
export async function claim(path: string, { mode, owner }: SocketAccess): Promise<SocketFile> {
  const bound = temporaryPath(path);
  // In this order: whoever gives a file away may not change its permissions any more (chmod(2), EPERM).
  if (mode !== undefined) await chmod(bound, mode);
  if (owner !== undefined) {
    const { uid, gid } = await resolveOwner(owner);
    await chown(bound, uid, gid).catch((cause: unknown) => {
      throw new Error(`It cannot be given to "${owner}": ${fileTrouble(cause, messageOf(cause))}`, { cause });
    });
  }
  await rename(bound, path);
  await abandon(path);
  const { dev, ino } = await lstat(path);
  return { path, dev, ino };
}

/** Removes what a claim was prepared with. What cannot be removed is in nobody's way: the next claim tries again. */
export async function abandon(path: string): Promise<void> {
  await unlink(temporaryPath(path)).catch(() => undefined);
  await rmdir(folderOf(path)).catch(() => undefined);
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

/** Numbers as chown(2) takes them; -1 leaves the user or the group as it is. */
export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

const unchanged = -1;

/**
 * Turns `user`, `user:group` or `:group`, by name or number, into numbers. Node has no getpwnam(3), so names are looked
 * up in the local files alone (passwd(5), group(5)); whose users come from a directory service gives numbers.
 *
 * @throws Error naming the user or the group that is not there
 */
export async function resolveOwner(owner: string): Promise<Owner> {
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
  throw new Error(`There is no ${kind} "${name}" in ${file}; a number may be given instead`);
}
