import { readFile } from 'node:fs/promises';

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
