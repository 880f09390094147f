import { closeSync } from 'node:fs';
import type { DatabaseConfig, ListenerConfig } from '../config/types.ts';
import { formatListenAddress, type ListenAddress } from '../net/endpoint.ts';
import { listenAddressOf } from '../os/sockaddr.ts';
import { openKernel } from '../os/syscalls.ts';
import type { Log } from '../telemetry/log.ts';
import type { Host } from './host.ts';

/** A listening socket that was opened for us before we were started. */
export interface HandedSocket {
  readonly fd: number;
  /** `FileDescriptorName=`; the name of the socket unit unless it was set. */
  readonly name: string;
  /** `undefined` where it cannot be found out: that takes a system call. */
  readonly address: ListenAddress | undefined;
}

/** `SD_LISTEN_FDS_START` (sd_listen_fds(3)). */
const firstDescriptor = 3;
/** Larger than any `struct sockaddr`: `struct sockaddr_storage` has 128 bytes. */
const sockaddrBytes = 128;

/** Takes over the sockets of `LISTEN_FDS`, where they are for this process, and takes the variables away. */
export async function handedSockets(host: Host): Promise<readonly HandedSocket[]> {
  const { LISTEN_PID: pid, LISTEN_FDS: count, LISTEN_FDNAMES: names } = host.env;
  for (const name of ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES']) host.unsetEnv(name);
  if (pid !== String(host.pid) || !/^[1-9]\d{0,3}$/.test(count ?? '')) return [];
  const named = (names ?? '').split(':');
  const addressOf = await addressReader();
  return Array.from({ length: Number(count) }, (_, index) => {
    const fd = firstDescriptor + index;
    return { fd, name: named[index] ?? '', address: addressOf(fd) };
  });
}

/**
 * Which listener each socket is for: the one with its address, and otherwise one of the database that it is named
 * after. Pure.
 */
export function assignSockets(
  sockets: readonly HandedSocket[],
  databases: readonly DatabaseConfig[],
): { readonly assigned: Map<ListenerConfig, number>; readonly unused: readonly HandedSocket[] } {
  const assigned = new Map<ListenerConfig, number>();
  const isFree = (listener: ListenerConfig): boolean => !assigned.has(listener);
  const unmatched = sockets.filter(({ fd, address }) => {
    const key = address && formatListenAddress(address);
    const listener = databases
      .flatMap(({ listen }) => listen)
      .find((each) => isFree(each) && formatListenAddress(literal(each.address)) === key);
    if (listener) assigned.set(listener, fd);
    return !listener;
  });
  const unused = unmatched.filter(({ fd, name, address }) => {
    const listener = databases
      .filter((database) => database.name === name)
      .flatMap(({ listen }) => listen)
      .find((each) => isFree(each) && (!address || each.address.kind === address.kind));
    if (listener) assigned.set(listener, fd);
    return !listener;
  });
  return { assigned, unused };
}

/** Closes what no listener is for, and says so: clients that connect there would wait for ever. */
export function closeUnused(unused: readonly HandedSocket[], log: Log): void {
  for (const { fd, name, address } of unused) {
    log.warn('socket.unused', { fd, name, address: address ? formatListenAddress(address) : 'unknown' });
    closeSync(fd);
  }
}

function literal(address: ListenAddress): ListenAddress {
  return address.kind === 'tcp' && address.host === 'localhost' ? { ...address, host: '127.0.0.1' } : address;
}

async function addressReader(): Promise<(fd: number) => ListenAddress | undefined> {
  try {
    const { sys } = await openKernel();
    return (fd) => {
      const bytes = new Uint8Array(sockaddrBytes);
      return sys.localAddress(fd, bytes) < 0 ? undefined : listenAddressOf(bytes);
    };
  } catch {
    return () => undefined; // no system calls here: sockets are known by their names alone
  }
}
