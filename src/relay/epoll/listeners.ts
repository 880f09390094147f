import { lookup } from 'node:dns/promises';
import { TunnelError, messageOf } from '../../errors.ts';
import { formatListenAddress, type ListenAddress } from '../../net/endpoint.ts';
import { listenBacklog } from '../../net/socket-options.ts';
import { prepareClaim, claim, release, temporaryPath, type SocketFile } from '../unix-socket.ts';
import * as abi from './abi.ts';
import type { OpenListener } from './messages.ts';
import { setSocketOptions } from './options.ts';
import { inetAddress, portOf, unixAddress, type SocketAddress } from './sockaddr.ts';
import { errorName, type Syscalls } from './syscalls.ts';

/** The listeners of a tunnel, bound but in nobody's epoll set yet. */
export interface Bound {
  readonly listening: readonly ListenAddress[];
  /** For each thread, the listeners that it accepts from. */
  readonly perThread: readonly (readonly OpenListener[])[];
  /** Socket files to be removed when the tunnel closes. */
  readonly files: readonly SocketFile[];
}

/**
 * Binds every address, for every thread. TCP ports have a socket per thread, among which the kernel spreads
 * connections (SO_REUSEPORT, socket(7)); a unix socket has one, which the threads share.
 *
 * @throws TunnelError `ST_LISTEN_FAILED` naming the address; nothing stays bound then
 */
export async function bindListeners(
  sys: Syscalls,
  addresses: readonly ListenAddress[],
  threads: number,
): Promise<Bound> {
  const listening: ListenAddress[] = [];
  const perThread: OpenListener[][] = Array.from({ length: threads }, () => []);
  const files: SocketFile[] = [];
  for (const address of addresses) {
    try {
      if (address.kind === 'unix') {
        const { fd, file } = await bindUnix(sys, address.path);
        files.push(file);
        for (const list of perThread) list.push({ fd, address, isShared: threads > 1 });
        listening.push(address);
      } else listening.push(await bindTcp(sys, address, perThread));
    } catch (error) {
      await releaseListeners(sys, { listening, perThread, files });
      throw new TunnelError(
        'ST_LISTEN_FAILED',
        `Cannot listen on "${formatListenAddress(address)}": ${messageOf(error)}`,
        { cause: error },
      );
    }
  }
  return { listening, perThread, files };
}

/** Closes what no thread has been given. */
export async function releaseListeners(sys: Syscalls, { perThread, files }: Bound): Promise<void> {
  for (const fd of new Set(perThread.flat().map((each) => each.fd))) sys.close(fd);
  for (const file of files) await release(file);
}

/** Closes what all threads have shared, once none of them uses it any more. */
export function closeShared(sys: Syscalls, { perThread: [first = []] }: Bound): void {
  for (const { fd, isShared } of first) if (isShared) sys.close(fd);
}

async function bindTcp(
  sys: Syscalls,
  { host, port }: ListenAddress & { kind: 'tcp' },
  perThread: OpenListener[][],
): Promise<ListenAddress> {
  const literal = inetAddress(host, port);
  const ip = literal ? host : (await lookup(host)).address;
  let bound = port;
  perThread.forEach((list, index) => {
    const target = inetAddress(ip, bound);
    if (!target) throw new Error(`"${ip}" is not an address`);
    const fd = checked(sys.socket(target.family));
    // In the list before anything can fail, so that it is closed then; the port is known only at the end.
    list.push({ fd, address: { kind: 'tcp', host, port }, isShared: false });
    checked(sys.setOption(fd, abi.SOL_SOCKET, abi.SO_REUSEADDR, 1));
    // The first binds alone, so that a port which another process serves is refused even where that one would share
    // it; only then does it let the others in.
    if (index > 0) checked(sys.setOption(fd, abi.SOL_SOCKET, abi.SO_REUSEPORT, 1));
    checked(sys.bind(fd, target));
    if (index === 0 && perThread.length > 1) checked(sys.setOption(fd, abi.SOL_SOCKET, abi.SO_REUSEPORT, 1));
    setSocketOptions(sys, fd);
    checked(sys.listen(fd, listenBacklog));
    bound = boundPort(sys, fd, target);
    list[list.length - 1] = {
      fd,
      address: { kind: 'tcp', host: ip, port: bound },
      isShared: false,
    };
  });
  return { kind: 'tcp', host: ip, port: bound };
}

async function bindUnix(sys: Syscalls, path: string): Promise<{ fd: number; file: SocketFile }> {
  await prepareClaim(path);
  const target = unixAddress(temporaryPath(path));
  if (!target) throw new Error('The path is too long');
  const fd = checked(sys.socket(target.family));
  try {
    checked(sys.bind(fd, target));
    checked(sys.listen(fd, listenBacklog));
    return { fd, file: await claim(path) };
  } catch (error) {
    sys.close(fd);
    throw error;
  }
}

function boundPort(sys: Syscalls, fd: number, target: SocketAddress): number {
  const bytes = new Uint8Array(target.bytes.length);
  checked(sys.localAddress(fd, bytes));
  return portOf(bytes);
}

function checked(result: number): number {
  if (result < 0) throw new Error(errorName(result));
  return result;
}
