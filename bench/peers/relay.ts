import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Child, patienceMs, RespClient } from '../../test/support/index.ts';
import { family } from '../lib/usage.ts';

/** Something that stands between a client and Redis: a port to connect to, and the processes whose cost is counted. */
export interface Relay extends AsyncDisposable {
  readonly name: string;
  readonly port: number;
  /** Empty where there is nothing in between. */
  readonly pids: readonly number[];
  /** Which of its ways to carry bytes it has chosen itself, where it could choose. */
  readonly engine?: string;
  /** Its own account of what it did, line by line, where it gives one. */
  story?(): readonly string[];
}

/** What a relay may need to know of the Redis side. */
export interface Upstream {
  /** Every server of the group, the present master first. */
  readonly redisPorts: readonly number[];
  readonly sentinelPorts: readonly number[];
  readonly masterName: string;
  /** A directory for configuration files. */
  readonly dir: string;
}

export type StartRelay = (upstream: Upstream) => Promise<Relay>;

export function masterPort({ redisPorts }: Upstream): number {
  const [port] = redisPorts;
  if (port === undefined) throw new Error('Cannot relay to no server at all');
  return port;
}

export function writeConfig(dir: string, name: string, text: string): string {
  const path = join(dir, name);
  writeFileSync(path, text);
  return path;
}

/** Starts a relay's program; resolves once a command goes through it and comes back. */
export async function launch(name: string, port: number, command: readonly string[]): Promise<Relay> {
  const child = await Child.spawn(command, { name });
  try {
    await child.until(() => answersPing(port), patienceMs);
    return { name, port, pids: family(child.pid), [Symbol.asyncDispose]: () => stop(child) };
  } catch (error) {
    await stop(child);
    throw error;
  }
}

/** In order first: nginx would leave its worker behind if it were killed. */
async function stop(child: Child): Promise<void> {
  child.signal('SIGTERM');
  await Promise.race([child.exited, sleep(1000, undefined, { ref: false })]);
  await child.kill();
}

async function answersPing(port: number): Promise<boolean> {
  try {
    await using client = await RespClient.connect(port, { deadlineMs: 1000 });
    return (await client.command('PING')) === 'PONG';
  } catch {
    return false; // not listening, or without a server behind it yet
  }
}
