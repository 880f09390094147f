import { writeSync } from 'node:fs';
import { access, constants, open, stat, statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { fileTrouble } from '../../telemetry/file-trouble.ts';

/** What would keep the log file from being written. */
export interface LogObjection {
  readonly why: string;
  /** Whether it is a want of space alone: the tunnel starts then, and loses lines. */
  readonly isFull: boolean;
}

/** A disk with less than this left will soon be full: some thousand lines, in bytes. */
const scarceBytes = 1024 * 1024;

/** Checks without creating the file or writing to it. */
export async function logObjection(file: string): Promise<LogObjection | undefined> {
  const stats = await stat(file).catch(() => undefined);
  const trouble = stats ? await whyNotAppended(file, stats.isFIFO()) : await whyNoFolder(dirname(file));
  if (trouble !== undefined) return { why: trouble, isFull: /\((?:ENOSPC|EDQUOT)\)$/.test(trouble) };
  const scarcity = await scarcityOf(stats ? file : dirname(file), stats === undefined);
  return scarcity === undefined ? undefined : { why: scarcity, isFull: true };
}

async function whyNotAppended(file: string, isPipe: boolean): Promise<string | undefined> {
  if (isPipe) return 'it is a pipe, expected a file';
  try {
    await using handle = await open(file, constants.O_WRONLY | constants.O_APPEND | constants.O_NONBLOCK);
    // Nothing is written, and yet a device or a file system may object (/dev/full does). The write of a handle
    // makes no system call for zero bytes.
    writeSync(handle.fd, Buffer.alloc(0));
    return undefined;
  } catch (error) {
    return fileTrouble(error, 'it is gone');
  }
}

/** @param isNew whether the file has yet to be made, which takes an inode */
async function scarcityOf(path: string, isNew: boolean): Promise<string | undefined> {
  // Where it cannot be asked (a sandbox) nothing is known to be wrong.
  const disk = await statfs(path).catch(() => undefined);
  if (!disk || disk.blocks === 0) return undefined; // a file system without a size, as procfs
  if (isNew && disk.files > 0 && disk.ffree === 0)
    return 'no file more can be made on its disk (no inode is left)';
  // What root may still write in reserve is not for the user of a service.
  const leftBytes = disk.bavail * disk.bsize;
  if (leftBytes >= scarceBytes) return undefined;
  return leftBytes === 0
    ? 'no space is left on its disk'
    : `${String(Math.floor(leftBytes / 1024))} KiB are left on its disk`;
}

/** Why no file can be made in a folder, as the end of a sentence; `undefined` where one can. Makes none. */
export async function whyNoFolder(folder: string): Promise<string | undefined> {
  try {
    if (!(await stat(folder)).isDirectory()) return `"${folder}" is not a folder`;
    await access(folder, constants.W_OK | constants.X_OK);
    return undefined;
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : undefined;
    return code === 'ENOENT'
      ? `its folder "${folder}" does not exist`
      : `nothing may be written in its folder "${folder}" (${String(code)})`;
  }
}
