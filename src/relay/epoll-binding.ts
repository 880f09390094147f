import type { ListenerConfig } from '../config/types.ts';
import { TunnelError } from '../errors.ts';
import { formatListenAddress, type ListenAddress } from '../net/endpoint.ts';
import { whyNotListening } from '../net/errno.ts';
import { names } from '../net/names.ts';
import { listenBacklog } from '../net/socket-options.ts';
import {
  abandon,
  prepareClaim,
  claim,
  release,
  temporaryPath,
  type SocketAccess,
  type SocketFile,
} from '../net/socket-file.ts';
import * as abi from '../os/abi.ts';
import type { OpenListener } from './io/epoll/acceptor.ts';
import { setListenerOptions } from '../os/socket-options.ts';
import { inetAddress, listenAddressOf, portOf, unixAddress, type SocketAddress } from '../os/sockaddr.ts';
import { errorName, type Syscalls } from '../os/syscalls.ts';

/** Larger than any `struct sockaddr`: `struct sockaddr_storage` has 128 bytes. */
const sockaddrBytes = 128;

/** A listener, bound but in no epoll set yet. */
export interface Bound {
  readonly address: ListenAddress;
  /** For each thread, the socket that it accepts from. */
  readonly perThread: readonly OpenListener[];
  /** The socket file, to be removed when the listener closes. */
  readonly file: SocketFile | undefined;
}

/**
 * Binds an address, for every thread. A TCP port has a socket per thread, among which the kernel spreads connections
 * (SO_REUSEPORT, socket(7)); a unix socket has one, which the threads share.
 *
 * @param handed the descriptor of a socket that listens already
 * @throws TunnelError `ST_LISTEN_FAILED` naming the address; nothing stays bound then
 */
export async function bindListener(
  sys: Syscalls,
  listener: ListenerConfig,
  threads: number,
  handed?: number,
): Promise<Bound> {
  const { address, allow, allowReplication } = listener;
  try {
    if (handed !== undefined) return takeOver(sys, listener, threads, handed);
    if (address.kind === 'tcp') return await bindTcp(sys, address, listener, threads);
    const { fd, file } = await bindUnix(sys, address.path, listener);
    const own = { fd, address, allow, allowReplication, isShared: threads > 1 };
    return { address, perThread: Array.from({ length: threads }, () => own), file };
  } catch (error) {
    throw new TunnelError(
      'ST_LISTEN_FAILED',
      `Cannot listen on "${formatListenAddress(address)}": ${whyNotListening(error)}`,
      { cause: error },
    );
  }
}

/** Closes what no thread has been given. */
export async function releaseListener(sys: Syscalls, { perThread, file }: Bound): Promise<void> {
  for (const fd of new Set(perThread.map((each) => each.fd))) sys.close(fd);
  if (file) await release(file);
}

/** Closes what the threads have shared, once none of them uses it any more. */
export async function closeShared(sys: Syscalls, { perThread: [first], file }: Bound): Promise<void> {
  if (first?.isShared) sys.close(first.fd);
  if (file) await release(file);
}

/** A socket that listens already is shared by the threads, as it can be bound only once. Its file is not ours. */
function takeOver(sys: Syscalls, listener: ListenerConfig, threads: number, fd: number): Bound {
  const { address, allow, allowReplication } = listener;
  checked(sys.adopt(fd));
  const bytes = new Uint8Array(sockaddrBytes);
  checked(sys.localAddress(fd, bytes));
  const bound = listenAddressOf(bytes) ?? address;
  if (bound.kind === 'tcp') setListenerOptions(sys, fd);
  checked(sys.listen(fd, listenBacklog));
  const own = { fd, address: bound, allow, allowReplication, isShared: threads > 1 };
  return { address: bound, perThread: Array.from({ length: threads }, () => own), file: undefined };
}

async function bindTcp(
  sys: Syscalls,
  { host, port }: ListenAddress & { kind: 'tcp' },
  { allow, allowReplication }: ListenerConfig,
  threads: number,
): Promise<Bound> {
  const ip = inetAddress(host, port) ? host : await names.addressOf(host);
  const descriptors: number[] = [];
  let bound = port;
  try {
    for (let index = 0; index < threads; index += 1) {
      const target = inetAddress(ip, bound);
      if (!target) throw new Error(`"${ip}" is not an address`);
      const fd = checked(sys.socket(target.family));
      descriptors.push(fd);
      checked(sys.setOption(fd, abi.SOL_SOCKET, abi.SO_REUSEADDR, 1));
      // The first binds alone, so that a port which another process serves is refused even where that one would share
      // it; only then does it let the others in.
      if (index > 0) checked(sys.setOption(fd, abi.SOL_SOCKET, abi.SO_REUSEPORT, 1));
      // Whatever net.ipv6.bindv6only says (ipv6(7)), as libuv does: `::` is every address of both families.
      if (target.family === abi.AF_INET6) checked(sys.setOption(fd, abi.IPPROTO_IPV6, abi.IPV6_V6ONLY, 0));
      checked(sys.bind(fd, target));
      if (index === 0 && threads > 1) checked(sys.setOption(fd, abi.SOL_SOCKET, abi.SO_REUSEPORT, 1));
      setListenerOptions(sys, fd);
      checked(sys.listen(fd, listenBacklog));
      bound = boundPort(sys, fd, target);
    }
  } catch (error) {
    for (const fd of descriptors) sys.close(fd);
    throw error;
  }
  const address: ListenAddress = { kind: 'tcp', host: ip, port: bound };
  return {
    address,
    perThread: descriptors.map((fd) => ({ fd, address, allow, allowReplication, isShared: false })),
    file: undefined,
  };
}

async function bindUnix(
  sys: Syscalls,
  path: string,
  access: SocketAccess,
): Promise<{ fd: number; file: SocketFile }> {
  await prepareClaim(path);
  const target = unixAddress(temporaryPath(path));
  if (!target) throw new Error('The path is too long');
  const fd = checked(sys.socket(target.family));
  try {
    checked(sys.bind(fd, target));
    checked(sys.listen(fd, listenBacklog));
    return { fd, file: await claim(path, access) };
  } catch (error) {
    sys.close(fd);
    await abandon(path);
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
