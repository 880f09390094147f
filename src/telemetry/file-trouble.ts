import { messageOf } from '../errors.ts';

const words: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'part of its path is no directory',
  ENOSPC: 'no space is left on its disk (ENOSPC)',
  EDQUOT: 'the quota of its disk is used up (EDQUOT)',
  EROFS: 'its file system is read-only',
  ENAMETOOLONG: 'its name is too long',
};

/**
 * Why a file cannot be read or written, as the end of a sentence that has named it: without what Node says of the system
 * call, which names it again.
 *
 * @param missing what it means that there is no such entry: for who reads, there is no file; for who writes, no directory
 */
export function fileTrouble(thrown: unknown, missing: string): string {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  if (code === 'ENOENT') return missing;
  return words[code] ?? messageOf(thrown).replace(/, \w+(?: '[^']*')?$/, '');
}
