import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { residentBytes } from '../lib/usage.ts';
import type { Relay, StartRelay, Upstream } from '../peers/relay.ts';

export interface Memory {
  readonly relay: string;
  readonly sessions: number;
  readonly idleBytes: number;
  /** Resident with all the sessions open and idle. */
  readonly loadedBytes: number;
  readonly deltaBytes: number;
}

/** As `io.Copy` of Go moves bytes between sockets by `splice`: two sockets, and for each direction a pipe of two descriptors. */
const descriptorsOfOriginal = 6;

/** How many sessions a relay has descriptors for where `ulimit -n` cannot be raised, with some to spare. */
export function sessionsThatFit(relay: string): number {
  const [, hard = 'unlimited'] =
    /^Max open files +\d+ +(\d+|unlimited)/m.exec(readFileSync('/proc/self/limits', 'utf8')) ?? [];
  if (relay !== 'original' || hard === 'unlimited') return Infinity;
  return Math.floor((Number(hard) * 0.95) / descriptorsOfOriginal / 100) * 100;
}

/** Resident memory of a relay just started, and with many sessions that have each carried one command. */
export async function measureMemory(
  start: StartRelay,
  upstream: Upstream,
  sessions: number,
): Promise<Memory> {
  await using relay = await start(upstream);
  await useOnce(relay);
  await sleep(1000); // what a start leaves behind is collected or handed back
  const idleBytes = residentBytes(relay.pids);
  const sockets = await openIdle(relay.port, sessions);
  try {
    await sleep(1500);
    const loadedBytes = residentBytes(relay.pids);
    return { relay: relay.name, sessions, idleBytes, loadedBytes, deltaBytes: loadedBytes - idleBytes };
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

async function useOnce(relay: Relay): Promise<void> {
  for (const socket of await openIdle(relay.port, 10)) socket.destroy();
}

async function openIdle(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  const batch = 100;
  while (sockets.length < count) {
    const opened = await Promise.all(Array.from({ length: batch }, () => openOne(port)));
    sockets.push(...opened);
  }
  return sockets;
}

/** Connects and waits for one reply, so that both sides of the session are known to be open. */
async function openOne(port: number): Promise<Socket> {
  const socket = connect(port, '127.0.0.1');
  socket.write('PING\r\n');
  await once(socket, 'data');
  return socket;
}
