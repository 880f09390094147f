import { cpuNs, endedChildrenSeconds } from '../lib/usage.ts';
import type { Relay } from '../peers/relay.ts';
import { redisBenchmark, type Load, type Said } from './benchmark.ts';
import type { Cell } from './cells.ts';
import { pingPong } from './pingpong.ts';

export interface Measurement {
  readonly cell: string;
  readonly relay: string;
  readonly round: number;
  readonly commands: number;
  readonly seconds: number;
  readonly perSecond: number;
  readonly p50Us: number;
  readonly p99Us: number;
  /** Of the relay; absent where there is none. */
  readonly cpuUsPerCommand?: number;
  /** Cores in use meanwhile, by whom: what limits the figures above. */
  readonly coresUsed: { readonly relay: number; readonly redis: number; readonly generator: number };
}

export interface Plan {
  readonly cell: Cell;
  /** How many commands of each kind to send. */
  readonly requests: number;
}

/**
 * Connections before the first that counts, for every relay: what is compiled while it runs is measured as it is later on.
 * Ours takes 1.5 times its final cost for the first 2,000 and the final one from 4,000 on.
 */
const connectionsBefore = 5_000;

/** Finds how many commands take about `seconds` through this relay, which also warms it up. */
export async function plan(cell: Cell, relay: Relay, seconds: number): Promise<Plan> {
  const few =
    cell.kind === 'latency' ? 2000 : Math.max(cell.clients * 4, cell.kind === 'commands' ? 400 : 200);
  const perSecond = rate(await generate(cell, relay, few));
  const before = cell.kind === 'connect' ? connectionsBefore : few;
  const again = await generate(cell, relay, Math.ceil(Math.max(before, perSecond * seconds * 0.25)));
  const least = cell.kind === 'latency' ? 2000 : cell.clients * 8;
  return { cell, requests: Math.ceil(Math.max(least, rate(again) * seconds)) };
}

export async function measure(
  { cell, requests }: Plan,
  relay: Relay,
  redisPid: number,
  round: number,
): Promise<Measurement> {
  const relayBefore = cpuNs(relay.pids);
  const redisBefore = cpuNs([redisPid]);
  const generatorBefore = endedChildrenSeconds();
  const startedMs = performance.now();
  const said = await generate(cell, relay, requests);
  const wallSeconds = (performance.now() - startedMs) / 1000;
  const relayNs = cpuNs(relay.pids) - relayBefore;
  const redisNs = cpuNs([redisPid]) - redisBefore;
  const generatorSeconds = endedChildrenSeconds() - generatorBefore;
  const commands = requests * said.length;
  // The warm-up of the ping-pong client is relayed too.
  const relayed = cell.kind === 'latency' ? commands + Math.min(2000, requests) : commands;
  return {
    cell: cell.name,
    relay: relay.name,
    round,
    commands,
    seconds: said.reduce((sum, { perSecond }) => sum + requests / perSecond, 0),
    perSecond: rate(said),
    p50Us: mean(said.map(({ p50Us }) => p50Us)),
    p99Us: mean(said.map(({ p99Us }) => p99Us)),
    ...(relay.pids.length > 0 && { cpuUsPerCommand: relayNs / 1000 / relayed }),
    coresUsed: {
      relay: relayNs / 1e9 / wallSeconds,
      redis: redisNs / 1e9 / wallSeconds,
      generator: generatorSeconds / wallSeconds,
    },
  };
}

async function generate(cell: Cell, relay: Relay, requests: number): Promise<Said[]> {
  if (cell.kind === 'latency') {
    const { seconds, p50Us, p99Us } = await pingPong(relay.port, requests);
    return [{ perSecond: requests / seconds, p50Us, p99Us }];
  }
  return redisBenchmark(relay.port, load(cell, requests));
}

function load(cell: Exclude<Cell, { kind: 'latency' }>, requests: number): Load {
  const { clients } = cell;
  if (cell.kind === 'connect') return { tests: 'ping_mbulk', clients, requests, reconnect: true };
  const { tests, bytes, pipeline } = cell;
  return { tests, clients, requests, bytes, pipeline };
}

/** Commands per second of the whole, each kind having had the same number of commands. */
function rate(said: readonly Said[]): number {
  return said.length / said.reduce((sum, { perSecond }) => sum + 1 / perSecond, 0);
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / values.length;
}
