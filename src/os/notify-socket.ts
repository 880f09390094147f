import { execFile } from 'node:child_process';
import { setTimeout as sleep } from 'node:timers/promises';
import { getSystemErrorName } from 'node:util';
import type { KoffiFunc } from 'koffi';

/** Sends one message of assignments, `READY=1` and the like. Rejects with why it could not. */
export type Notify = (assignments: readonly string[]) => Promise<void>;

const AF_UNIX = 1;
const SOCK_DGRAM = 2;
const SOCK_CLOEXEC = 0o2000000;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;

/** The manager may be busy, and nobody here is to wait for it: so it is tried again, after so long, in milliseconds, and so often. */
const againMs = 50;
const mostTries = 100;

/**
 * The service manager's socket (sd_notify(3)). Node has no unix datagram sockets, so the message is sent by a system
 * call; where none can be made, by `systemd-notify`, whose messages a unit accepts only with `NotifyAccess=all`.
 *
 * @param address a path, or `@` and an abstract name
 */
export async function openNotify(address: string, pid: number): Promise<Notify> {
  const name = socketAddress(address);
  try {
    if (!name) throw new Error('not an address of a unix socket');
    const koffi = await import('koffi');
    const library = koffi.load(null);
    type Socket = KoffiFunc<(family: number, type: number, protocol: number) => number>;
    const socket = library.func('int socket(int family, int type, int protocol)') as Socket;
    const sendto = library.func(
      'long sendto(int fd, const void *at, size_t n, int flags, const void *to, uint32_t length)',
    ) as KoffiFunc<
      (fd: number, at: Uint8Array, n: number, flags: number, to: Uint8Array, length: number) => number
    >;
    const fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) throw new Error(getSystemErrorName(-koffi.errno()));
    return async (assignments) => {
      const bytes = new TextEncoder().encode(assignments.join('\n'));
      for (let tries = 1; ; tries += 1) {
        const flags = MSG_NOSIGNAL | MSG_DONTWAIT;
        if (sendto(fd, bytes, bytes.length, flags, name, name.length) >= 0) return;
        const code = getSystemErrorName(-koffi.errno());
        if (code !== 'EAGAIN' || tries === mostTries) throw new Error(code);
        await sleep(againMs);
      }
    };
  } catch {
    return (assignments) => bySystemdNotify(assignments, address, pid);
  }
}

/** `struct sockaddr_un` (unix(7)): an abstract name begins with a NUL, and its length ends it. */
function socketAddress(address: string): Uint8Array | undefined {
  const text = new TextEncoder().encode(address);
  const isAbstract = address.startsWith('@');
  if ((!isAbstract && !address.startsWith('/')) || text.length < 2 || text.length > 107) return undefined;
  const bytes = new Uint8Array(2 + text.length + (isAbstract ? 0 : 1));
  new DataView(bytes.buffer).setUint16(0, AF_UNIX, true); // little-endian on both architectures that systems run on
  bytes.set(text, 2);
  if (isAbstract) bytes[2] = 0;
  return bytes;
}

function bySystemdNotify(assignments: readonly string[], address: string, pid: number): Promise<void> {
  return new Promise((resolve, reject) => {
    const args = [`--pid=${String(pid)}`, ...assignments];
    execFile('systemd-notify', args, { env: { NOTIFY_SOCKET: address }, timeout: 5_000 }, (error) => {
      if (error) reject(new Error(error.message));
      else resolve();
    });
  });
}
