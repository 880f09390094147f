import { messageOf } from '../errors.ts';

const meanings: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EISDIR: 'it is a directory',
  ENOTDIR: 'a part of its path is not a directory',
  ENOSPC: 'no space is left on its disk (ENOSPC)',
  EDQUOT: 'the quota of its disk is used up (EDQUOT)',
  EROFS: 'its file system is read-only',
  ENAMETOOLONG: 'its name is too long',
};

/**
 * @param missing the meaning of ENOENT: no such file when reading, no such directory when writing
 * @returns why a file cannot be read or written, for the end of a sentence that already names it
 */
export function fileTrouble(thrown: unknown, missing: string): string {
  const code = thrown instanceof Error && 'code' in thrown ? String(thrown.code) : '';
  if (code === 'ENOENT') return missing;
  return meanings[code] ?? messageOf(thrown).replace(/, \w+(?: '[^']*')?$/, '');
}
