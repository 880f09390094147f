import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { patienceMs } from './eventually.ts';

const execute = promisify(execFile);

async function run(program: string, ...args: readonly string[]): Promise<void> {
  await execute(program, args, { timeout: patienceMs });
}

/** Why no disk can be made to freeze, for the `skip` option of a test; `false` where one can. */
export async function cannotFreezeDisks(): Promise<string | false> {
  if (process.platform !== 'linux' || process.getuid?.() !== 0) return 'making a disk takes Linux and root';
  try {
    await using disk = await FrozenDisk.make();
    await disk.freeze();
    return false;
  } catch (error) {
    return `cannot make a disk: ${error instanceof Error ? error.message.trim() : String(error)}`;
  }
}

/** A small disk of its own (a loop device), all writes to which can be made to wait. */
export class FrozenDisk implements AsyncDisposable {
  readonly folder: string;
  readonly #dir: string;
  #isMounted = false;
  #isFrozen = false;

  static async make(): Promise<FrozenDisk> {
    const disk = new FrozenDisk(await mkdtemp(join(tmpdir(), 'sentinel-tunnel-disk-')));
    try {
      await disk.#mount();
    } catch (error) {
      await disk[Symbol.asyncDispose]();
      throw error;
    }
    return disk;
  }

  private constructor(dir: string) {
    this.#dir = dir;
    this.folder = join(dir, 'mounted');
  }

  async freeze(): Promise<void> {
    await run('fsfreeze', '--freeze', this.folder);
    this.#isFrozen = true;
  }

  async thaw(): Promise<void> {
    if (this.#isFrozen) await run('fsfreeze', '--unfreeze', this.folder);
    this.#isFrozen = false;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.thaw();
    if (this.#isMounted) await run('umount', '--lazy', this.folder);
    await rm(this.#dir, { recursive: true, force: true });
  }

  async #mount(): Promise<void> {
    const image = join(this.#dir, 'image');
    await mkdir(this.folder);
    await run('truncate', '--size=16M', image);
    await run('mkfs.ext4', '-q', image);
    await run('mount', '-o', 'loop', image, this.folder);
    this.#isMounted = true;
  }
}
