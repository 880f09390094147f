import { lstat } from 'node:fs/promises';
import { connect, createServer } from 'node:net';
import { dirname } from 'node:path';
import type { AdminConfig, Config } from '../../config/types.ts';
import { messageOf } from '../../errors.ts';
import { defaultAdminAddresses } from '../../net/admin-address.ts';
import { formatListenAddress, type ListenAddress } from '../../net/endpoint.ts';
import { names } from '../../net/names.ts';
import { configuredConnections, descriptorBudget } from '../../descriptor-budget.ts';
import { descriptorLimit, type DescriptorBudget } from '../../os/descriptor-limit.ts';
import { AdminClient } from '../admin-client.ts';
import { readStatus } from '../admin-reads.ts';
import { reachable } from '../admin-place.ts';
import { findAdmin } from '../find-admin.ts';
import { whyNoFolder, logObjection, type LogObjection } from './writable.ts';
import { holderOf, isTunnel, type Holder, socketUnitsOf } from './port-holder.ts';

/** Whether this machine can provide what the configuration needs. */
export interface HostFacts {
  readonly listeners: readonly ListenerFacts[];
  readonly admin: ListenerFacts | undefined;
  /** What the tunnel that answers at the admin address says; `undefined` where none answers. */
  readonly running: RunningFacts | undefined;
  /** What would keep the log file from being written; `undefined` where nothing would. */
  readonly log: LogObjection | undefined;
  readonly connections: number;
  readonly descriptors: HostDescriptors | undefined;
}

/** A tunnel that runs. */
export interface RunningFacts {
  /** The addresses on which it listens. */
  readonly listening: readonly string[];
  /** How many descriptors it may open, where its status has that. */
  readonly descriptorLimit: number | undefined;
}

export interface HostDescriptors extends DescriptorBudget {
  /** Whose limit it is: that of the tunnel, where one runs; otherwise our own. */
  readonly whose: 'status' | number | 'self';
}

export interface ListenerFacts {
  /** The database; `undefined` for the admin listener. */
  readonly database: string | undefined;
  readonly address: ListenAddress;
  /** `EADDRINUSE` and the like, or a sentence; `undefined` where it could be listened on. */
  readonly objection: string | undefined;
  readonly holder: Holder | undefined;
}

export async function hostFacts(config: Config): Promise<HostFacts> {
  const { databases, admin, log } = config;
  const places = databases.flatMap(({ name, listen }) =>
    listen.map(({ address }) => ({ database: name, address })),
  );
  const [listeners, adminFacts, running, logTrouble] = await Promise.all([
    Promise.all(places.map(({ database, address }) => look(address, database))),
    admin && lookAtAdmin(admin),
    admin && runningTunnel(admin),
    log.file === '-' ? undefined : logObjection(log.file),
  ]);
  return {
    listeners,
    admin: adminFacts,
    running,
    log: logTrouble,
    connections: configuredConnections(config),
    descriptors: descriptorsOf(config, running, [...listeners, ...(adminFacts ? [adminFacts] : [])]),
  };
}

/** By the limit of the tunnel itself: that of a service is another than that of a shell. */
function descriptorsOf(
  config: Config,
  running: RunningFacts | undefined,
  listeners: readonly ListenerFacts[],
): HostDescriptors | undefined {
  const pid = listeners.find(({ holder }) => isTunnel(holder))?.holder?.pid;
  const [whose, limit] =
    running?.descriptorLimit !== undefined
      ? (['status', running.descriptorLimit] as const)
      : pid !== undefined
        ? ([pid, descriptorLimit(pid)] as const)
        : (['self', descriptorLimit()] as const);
  const budget = limit === undefined ? undefined : descriptorBudget(config, undefined, limit);
  return budget && { ...budget, whose };
}

/** Of several that may be taken the first that can be. */
async function lookAtAdmin({ listen, isUsual }: AdminConfig): Promise<ListenerFacts> {
  const first = await look(listen, undefined);
  if (!isUsual || first.objection === undefined) return first;
  for (const place of defaultAdminAddresses) {
    const next = await look(place, undefined);
    if (next.objection === undefined) return next;
  }
  return first;
}

/** Who holds the sockets of socket units is process 1. */
const serviceManager = 1;

async function look(address: ListenAddress, database: string | undefined): Promise<ListenerFacts> {
  const objection = address.kind === 'unix' ? await whyNoSocket(address.path) : await whyNoPort(address);
  const isTaken = objection === 'EADDRINUSE' && address.kind === 'tcp';
  const holder = isTaken ? await holderOf(address.port) : undefined;
  if (holder?.pid !== serviceManager) return { database, address, objection, holder };
  const units = await socketUnitsOf(formatListenAddress(address));
  return { database, address, objection, holder: { ...holder, units } };
}

/** Listens for a moment, which is the only way to know. Accepts no connection. */
async function whyNoPort({
  host,
  port,
}: {
  readonly host: string;
  readonly port: number;
}): Promise<string | undefined> {
  let address: string;
  try {
    address = await names.addressOf(host);
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : messageOf(error);
  }
  return await new Promise((resolve) => {
    const server = createServer((socket) => socket.destroy());
    server.once('error', (error: NodeJS.ErrnoException) => {
      resolve(error.code ?? error.message);
    });
    server.listen({ host: address, port, exclusive: true }, () => {
      server.close(() => {
        resolve(undefined);
      });
    });
  });
}

/** A unix socket needs a folder that can be written to, and a path that no process listens on. */
async function whyNoSocket(path: string): Promise<string | undefined> {
  const folder = await whyNoFolder(dirname(path));
  if (folder !== undefined) return folder;
  const stats = await lstat(path).catch(() => undefined);
  if (!stats) return undefined;
  if (!stats.isSocket()) return 'it exists and is not a socket';
  return (await isServed(path)) ? 'EADDRINUSE' : undefined;
}

const servedMs = 1_000;

function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path });
    const settle = (served: boolean): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(served);
    };
    const timer = setTimeout(settle, servedMs, true);
    socket.once('connect', () => {
      settle(true);
    });
    socket.once('error', (error: NodeJS.ErrnoException) => {
      settle(error.code !== 'ECONNREFUSED' && error.code !== 'ENOENT');
    });
  });
}

/** It is on this machine, in milliseconds. */
const adminMs = 4_000;

/** Asks the tunnel at the admin address. */
async function runningTunnel({ listen, isUsual, token }: AdminConfig): Promise<RunningFacts | undefined> {
  try {
    const address = isUsual ? await findAdmin() : reachable(listen);
    const client = new AdminClient({ address, token });
    const { databases, program } = await readStatus(client, adminMs);
    return {
      listening: databases.flatMap(({ listen }) =>
        listen.flatMap(({ address, open }) => (open ? [address] : [])),
      ),
      descriptorLimit: program.descriptors?.limit,
    };
  } catch {
    return undefined; // nothing, or another program or version: the holder of the port is found separately
  }
}

/** Whether a tunnel that runs has this address. */
export function isOurs({ running }: HostFacts, address: ListenAddress): boolean {
  return running?.listening.includes(formatListenAddress(address)) ?? false;
}
