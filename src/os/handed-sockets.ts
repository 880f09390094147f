import { closeSync } from 'node:fs';
import type { DatabaseConfig, ListenerConfig } from '../config/types.ts';
import { formatListenAddress, type ListenAddress } from '../net/endpoint.ts';
import type { Log } from '../telemetry/log.ts';
import { listenAddressOf } from './sockaddr.ts';
import { openKernel } from './syscalls.ts';

/** A listening socket that the service manager opened and passed to this process. */
export interface HandedSocket {
  readonly fd: number;
  /** `FileDescriptorName=`; the name of the socket unit unless it was set. */
  readonly name: string;
  /** `undefined` where no system call can be made to read it. */
  readonly address: ListenAddress | undefined;
}

/** `SD_LISTEN_FDS_START` (sd_listen_fds(3)). */
const firstDescriptor = 3;
/** Larger than any `struct sockaddr`: `struct sockaddr_storage` has 128 bytes. */
const sockaddrBytes = 128;

/** The environment variables of socket activation (sd_listen_fds(3)). */
export const handedVariables = ['LISTEN_PID', 'LISTEN_FDS', 'LISTEN_FDNAMES'] as const;
export type HandedVariables = Readonly<Partial<Record<(typeof handedVariables)[number], string | undefined>>>;

/** @returns the sockets that these variables pass to the process with this id; none where they are for another process */
export async function handedSockets(
  { LISTEN_PID, LISTEN_FDS: count = '', LISTEN_FDNAMES: names = '' }: HandedVariables,
  pid: number,
): Promise<readonly HandedSocket[]> {
  if (LISTEN_PID !== String(pid) || !/^[1-9]\d{0,3}$/.test(count)) return [];
  const named = names.split(':');
  const addressOf = await addressReader();
  return Array.from({ length: Number(count) }, (_, index) => {
    const fd = firstDescriptor + index;
    return { fd, name: named[index] ?? '', address: addressOf(fd) };
  });
}

/** Assigns each socket to the listener with its address, or else to a listener of the database with its name. Pure. */
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

/** Closes and logs the sockets that no listener uses: clients that connect there would wait forever. */
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
