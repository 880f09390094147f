import { execFile } from 'node:child_process';
import { opendir, readlink } from 'node:fs/promises';
import { portSuffix, procText, tcpSockets, type TcpSocket } from './tcp-table.ts';

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
/** How long the search may take, in milliseconds. */
const searchMs = 3_000;

/**
 * Finds the process that listens on a port, as far as the kernel shows it: Linux only, and processes of other users only to
 * root (proc(5)).
 *
 * @returns `undefined` where that is not known, or not found within 3 s
 */
export async function holderOf(port: number): Promise<Holder | undefined> {
  const deadlineMs = performance.now() + searchMs;
  const inodes = new Set<string>();
  for await (const socket of tcpSockets(deadlineMs)) if (isListener(socket, port)) inodes.add(socket.inode);
  if (inodes.size === 0) return undefined;
  for await (const pid of namesIn('/proc')) {
    if (performance.now() > deadlineMs) break;
    if (!/^\d+$/.test(pid) || !(await hasAny(pid, inodes, deadlineMs))) continue;
    const command = (await procText(`/proc/${pid}/cmdline`)).split('\0').join(' ').trim();
    return { pid: Number(pid), command: command.slice(0, longestCommand) };
  }
  return undefined;
}

/** Whether it is one of us, by its command line. */
export function isTunnel(holder: Holder | undefined): boolean {
  return /sentinel-tunnel|sentinel_tunnel/.test(holder?.command ?? '');
}

/** Whether a socket listens on a port. */
export function isListener({ local, state }: TcpSocket, port: number): boolean {
  return state === listening && local.endsWith(portSuffix(port));
}

async function hasAny(pid: string, inodes: ReadonlySet<string>, deadlineMs: number): Promise<boolean> {
  const folder = `/proc/${pid}/fd`;
  for await (const name of namesIn(folder)) {
    if (performance.now() > deadlineMs) break;
    const target = await readlink(`${folder}/${name}`).catch(() => '');
    const [, inode] = /^socket:\[(\d+)\]$/.exec(target) ?? [];
    if (inode !== undefined && inodes.has(inode)) return true;
  }
  return false;
}

/** The names in a folder of /proc, some at a time; none where it is gone or may not be read. */
async function* namesIn(folder: string): AsyncGenerator<string> {
  try {
    for await (const { name } of await opendir(folder)) yield name;
  } catch {
    // Gone meanwhile, or of another user.
  }
}

/** How long the local service manager may take to answer, in milliseconds. */
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
