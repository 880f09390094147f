import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';

/** A socket of this machine, as /proc/net/tcp shows it (proc(5)). Addresses are hexadecimal: `0100007F:18EB`. */
export interface TcpSocket {
  readonly local: string;
  readonly remote: string;
  /** A state of include/net/tcp_states.h, in hexadecimal. */
  readonly state: string;
  readonly inode: string;
}

/** The most bytes that are read of each table. */
const maxBytes = 64 * 1024 * 1024;

/**
 * Reads the sockets of this machine line by line: there may be a million. Ends early, without an error, after 64 MiB of a table,
 * at the deadline, and where there is no such table.
 *
 * @param deadlineMs by `performance.now()`
 */
export async function* tcpSockets(deadlineMs: number): AsyncGenerator<TcpSocket> {
  for (const table of ['/proc/net/tcp', '/proc/net/tcp6']) {
    const input = createReadStream(table, { end: maxBytes });
    try {
      for await (const line of createInterface({ input })) {
        if (performance.now() > deadlineMs) return;
        yield readTcpSocket(line);
      }
    } catch {
      // No such table.
    } finally {
      input.destroy();
    }
  }
}

/** Reads a line of the table: its columns 1, 2, 3 and 9. */
export function readTcpSocket(line: string): TcpSocket {
  const [, local = '', remote = '', state = '', , , , , , inode = ''] = line.trim().split(/\s+/, 10);
  return { local, remote, state, inode };
}

/** @returns a port as the table writes it, at the end of an address */
export function portSuffix(port: number): string {
  return `:${port.toString(16).toUpperCase().padStart(4, '0')}`;
}

/** @returns the text of a small file of /proc; empty where it cannot be read */
export async function procText(path: string): Promise<string> {
  return await readFile(path, 'utf8').catch(() => '');
}
