import { closeSync, openSync } from 'node:fs';
import { devNull } from 'node:os';

/**
 * The errno name with which getting that many file descriptors would fail now, or `undefined` where they are to be had.
 *
 * It has to be tried out beforehand, because Node never tells that `accept` failed for want of one: libuv closes a spare
 * descriptor of its own, accepts, closes the connection without a word, and goes on (uv__emfile_trick).
 */
export function descriptorShortage(count: number): string | undefined {
  const opened: number[] = [];
  let code: string | undefined;
  try {
    while (opened.length < count) opened.push(openSync(devNull, 'r'));
  } catch (error) {
    // Where the null device cannot be opened for another reason (a bare chroot), nothing can be known beforehand.
    const { code: errno } = error as NodeJS.ErrnoException;
    if (errno === 'EMFILE' || errno === 'ENFILE') code = errno;
  }
  for (const fd of opened) closeSync(fd);
  return code;
}
