import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import process from 'node:process';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { inFolder } from '../call.ts';

const looker = fileURLToPath(new URL('../../../src/cli/doctor/writable.js', import.meta.url));

/** A mount namespace of one's own, where a small disk can be mounted that nobody else sees. */
const mounted = ['-m', 'sh', '-c'];

function cannotMount(): string | false {
  try {
    execFileSync('unshare', [...mounted, 'mount -t tmpfs -o size=64k none /mnt'], { stdio: 'ignore' });
    return false;
  } catch {
    return 'unshare -m and mount are not permitted here';
  }
}

test(
  'a log on a disk without room is found, whether it exists yet or not',
  { skip: cannotMount() },
  async () => {
    await inFolder((dir) => {
      /** What is found after some commands on a disk of that size, with that many inodes. */
      const foundOn = (options: string, commands: string): unknown => {
        const look = `import(${JSON.stringify(looker)}).then(async ({ logObjection }) => console.log(JSON.stringify(await logObjection(${JSON.stringify(`${dir}/log`)}) ?? null)))`;
        const script = `mount -t tmpfs -o ${options} none "$1" && ${commands} && "$2" -e "$3"`;
        const args = [...mounted, `cd / && set -- "$@" && ${script}`, 'sh', dir, process.execPath, look];
        return JSON.parse(
          execFileSync('unshare', args, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'] }),
        );
      };
      const fill = `{ dd if=/dev/zero of="$1/fill" bs=64k 2>"$1/said" || true; }`;
      const none = { why: 'no space is left on its disk', isFull: true };
      assert.deepEqual(foundOn('size=2m', fill), none);
      assert.deepEqual(foundOn('size=2m', `${fill} && touch "$1/log"`), none);
      assert.deepEqual(foundOn('size=64k', 'true'), { why: '64 KiB are left on its disk', isFull: true });
      // The root of the file system takes one.
      assert.match(JSON.stringify(foundOn('size=2m,nr_inodes=2', 'touch "$1/one"')), /no inode is left/);
      assert.equal(foundOn('size=2m', 'true'), null);
      const readOnly = foundOn('size=2m', 'touch "$1/log" && mount -o remount,ro "$1"');
      assert.deepEqual(readOnly, { why: 'its file system is read-only', isFull: false });
      return Promise.resolve();
    });
  },
);
