import { execFile } from 'node:child_process';
import { Buffer } from 'node:buffer';
import { constants, mkdtemp, open, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import process from 'node:process';
import { promisify } from 'node:util';

const run = promisify(execFile);

/** Why no process can be given host names of its own here, for the `skip` option of a test; false when it can. */
export async function cannotNameHosts(): Promise<string | false> {
  if (process.platform !== 'linux') return 'mount namespaces exist on Linux only';
  await using hosts = await HostsFile.create({});
  const [command = '', ...args] = hosts.prefix;
  try {
    await run(command, [...args, 'true'], { timeout: 30_000 });
    return false;
  } catch (error) {
    return `cannot mount a hosts file: ${error instanceof Error ? error.message.trim() : String(error)}`;
  }
}

/** An /etc/hosts of their own for the processes that are started with its prefix; it may change while they run. */
export class HostsFile implements AsyncDisposable {
  /** Goes before a command line to run it with these names. Its process has the id of the command. */
  readonly prefix: readonly string[];
  readonly #dir: string;

  static async create(names: Readonly<Record<string, string>>): Promise<HostsFile> {
    const hosts = new HostsFile(await mkdtemp(join(tmpdir(), 'st-hosts-')));
    await hosts.say(names);
    return hosts;
  }

  private constructor(dir: string) {
    this.#dir = dir;
    const script = 'mount --bind "$0" /etc/hosts && exec "$@"';
    this.prefix = ['unshare', '--mount', 'sh', '-c', script, join(dir, 'hosts')];
  }

  /**
   * The address of each name from now on. Written in place, for it is the file that is mounted and not its name, and never
   * empty in between, for who looks a name up then would ask a DNS server.
   */
  async say(names: Readonly<Record<string, string>>): Promise<void> {
    const lines = Object.entries(names).map(([name, address]) => `${address} ${name}\n`);
    const text = `127.0.0.1 localhost\n${lines.join('')}`;
    const file = await open(join(this.#dir, 'hosts'), constants.O_WRONLY | constants.O_CREAT);
    try {
      await file.write(text, 0);
      await file.truncate(Buffer.byteLength(text));
    } finally {
      await file.close();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.#dir, { recursive: true, force: true });
  }
}
