import { readdir, readFile, readlink } from 'node:fs/promises';
import { execFile } from 'node:child_process';

/** A process that listens on a port. */
export interface Holder {
  readonly pid: number;
  /** Its command line, cut. */
  readonly command: string;
  /** The units of systemd for which process 1 holds it, as far as that is known. */
  readonly units?: readonly string[];
}

/** State of a listening socket in /proc/net/tcp (TCP_LISTEN of include/net/tcp_states.h). */
const listening = '0A';
const longestCommand = 120;
/** The most processes whose descriptors are looked through. */
const mostProcesses = 4_096;

/**
 * Who listens on a port, as far as the kernel lets us see: Linux only, and processes of other users only for root (proc(5)).
 *
 * @returns `undefined` where that is not known
 */
export async function holderOf(port: number): Promise<Holder | undefined> {
  const inodes = new Set<string>();
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    for (const inode of listenersIn(await textOf(table), port)) inodes.add(inode);
  }
  if (inodes.size === 0) return undefined;
  const pids = (await readdir('/proc').catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (const pid of pids.slice(0, mostProcesses)) {
    if (!(await hasAny(pid, inodes))) continue;
    const command = (await textOf(`/proc/${pid}/cmdline`)).split('\0').join(' ').trim();
    return { pid: Number(pid), command: command.slice(0, longestCommand) };
  }
  return undefined;
}

/** Whether it is one of us, by its command line. */
export function isTunnel(holder: Holder | undefined): boolean {
  return /sentinel-tunnel|sentinel_tunnel/.test(holder?.command ?? '');
}

/** The inodes of the sockets that listen on a port: columns 1, 3 and 9 of /proc/net/tcp (proc(5)). */
export function listenersIn(table: string, port: number): readonly string[] {
  const hex = port.toString(16).toUpperCase().padStart(4, '0');
  return table.split('\n').flatMap((line) => {
    const cells = line.trim().split(/\s+/);
    const [, local = '', , state = ''] = cells;
    const inode = cells[9];
    return state === listening && local.endsWith(`:${hex}`) && inode !== undefined ? [inode] : [];
  });
}

async function hasAny(pid: string, inodes: ReadonlySet<string>): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  const names = await readdir(folder).catch(() => []); // gone, or not ours to see
  for (const name of names) {
    const target = await readlink(`${folder}/${name}`).catch(() => '');
    const [, inode] = /^socket:\[(\d+)\]$/.exec(target) ?? [];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
}

/** Empty where it cannot be read. */
async function textOf(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}

/** A question to the local service manager, in milliseconds. */
const askMs = 2_000;

/**
 * Which socket unit of systemd listens on an address, and what it starts: `sentinel-tunnel.socket`,
 * `sentinel-tunnel.service`. Empty where that is not known: not every container has a systemctl, or a service manager.
 *
 * @param address as systemd prints it: `127.0.0.1:6379`, `[::1]:6379`, or a path
 */
export function socketUnitsOf(address: string): Promise<readonly string[]> {
  const args = ['list-sockets', '--all', '--no-legend', '--no-pager', '--plain'];
  return new Promise((resolve) => {
    execFile('systemctl', args, { timeout: askMs }, (error, stdout) => {
      resolve(error ? [] : unitsIn(stdout, address));
    });
  });
}

/** The columns are LISTEN, UNIT and ACTIVATES (systemctl(1), list-sockets). Pure. */
export function unitsIn(table: string, address: string): readonly string[] {
  const rows = table.split('\n').map((line) => line.trim().split(/\s+/));
  return rows.flatMap(([listen, ...units]) => (listen === address ? units : []));
}
