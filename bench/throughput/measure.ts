import { setTimeout as sleep } from 'node:timers/promises';
import type { RespClient } from '../../test/support/index.ts';
import type { Relay } from '../peers/relay.ts';
import type { Cell } from './cells.ts';
import { loadsOf, type Generator, type Load, type Said } from './generator.ts';
import {
  countersOf,
  mean,
  steady,
  takeSample,
  together,
  type Counters,
  type Sample,
  type Steady,
  type Watched,
} from './sample.ts';

export interface Measurement extends Steady {
  readonly cell: string;
  readonly relay: string;
  readonly round: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Redis as the bench asks it: on a connection of its own. */
export interface Server {
  readonly pid: number;
  readonly client: RespClient;
}

/** One relay in one cell: how fast each load of the cell was at last, in commands a second. */
export interface Plan {
  readonly cell: Cell;
  readonly relay: Relay;
  readonly loads: readonly { readonly load: Load; perSecond: number }[];
}

/**
 * Connections before the first that counts, for every relay: what is compiled while it runs is measured as it is later on.
 * Ours takes 1.5 times its final cost for the first 2,000 and the final one from 4,000 on.
 */
const connectionsBefore = 5_000;

/** More commands than would be needed at the speed of the last time: the measured time is to end before the generator does. */
const spare = 1.1;
const everyMs = 100;
const deadlineMs = 30_000;

/** Finds how fast each load is through this relay, which also warms it up. */
export async function plan(cell: Cell, relay: Relay, server: Server, seconds: number): Promise<Plan> {
  const loads: { load: Load; perSecond: number }[] = [];
  for (const load of loadsOf(cell)) {
    const commandsBefore = Math.max(load.commandsBefore, cell.kind === 'connect' ? connectionsBefore : 0);
    const outcome = await runLoad({ ...load, commandsBefore }, relay, server, seconds * 0.3);
    if (!outcome.between)
      throw new Error(`Cannot find how fast ${cell.name} is: the generator ended too soon`);
    loads.push({ load, perSecond: outcome.between.perSecond });
  }
  return { cell, relay, loads };
}

export async function measure(
  { cell, relay, loads }: Plan,
  server: Server,
  seconds: number,
  round: number,
): Promise<Measurement> {
  const parts: Steady[] = [];
  const said: Said[] = [];
  for (const each of loads) {
    const outcome = await measureLoad(each, relay, server, seconds);
    each.perSecond = outcome.between.perSecond;
    parts.push(outcome.between);
    said.push(outcome.said);
  }
  return {
    cell: cell.name,
    relay: relay.name,
    round,
    ...together(parts),
    p50Us: mean(said.map(({ p50Us }) => p50Us)),
    p99Us: mean(said.map(({ p99Us }) => p99Us)),
  };
}

interface Outcome {
  /** Absent where the generator was done before there was anything to measure. */
  readonly between?: Steady;
  /** Of a generator that came to its end. */
  readonly said?: Said;
}

/**
 * Where the generator was done much too soon it is asked again for more: all has become faster, or the speed of the last time
 * is that of a moment in which a busy machine let the relay hardly run.
 */
async function measureLoad(
  { load, perSecond }: { readonly load: Load; readonly perSecond: number },
  relay: Relay,
  server: Server,
  seconds: number,
): Promise<Required<Outcome>> {
  let expected = perSecond;
  for (let more = spare; more < 20; more *= 2) {
    const commands = Math.ceil(load.commandsBefore + expected * seconds * more);
    const { between, said } = await runLoad(load, relay, server, seconds, commands);
    if (between && said && between.seconds >= seconds * 0.6) return { between, said };
    expected = Math.max(expected, said?.perSecond ?? 0);
  }
  throw new Error(`Cannot measure ${load.command}: the generator always ends too soon`);
}

/**
 * Runs a generator and looks at two instants of it: when all its clients are connected and have had their replies, and the
 * wanted time later, or shortly before it ends. Without a number of `commands` it is ended after that.
 */
async function runLoad(
  load: Load,
  relay: Relay,
  { pid, client }: Server,
  seconds: number,
  commands?: number,
): Promise<Outcome> {
  const before = await countersOf(client, load.command);
  const generator = load.start(relay.port, commands ?? Math.ceil(2e6 * (1 + seconds)));
  const atItsEnd = async (): Promise<Outcome> =>
    commands === undefined ? {} : { said: await generator.said };
  try {
    if (!(await becomesSteady(load, before, generator, client))) return await atItsEnd();
    const watched = { relay: relay.pids, redis: pid, generator: generator.pid };
    const from = await sampleWhileRunning(generator, client, load, watched);
    if (!from) return await atItsEnd();
    let to: Sample | undefined;
    const until = performance.now() + seconds * 1000;
    // On a busy machine it may take longer until anything has been carried out at all.
    while (performance.now() < until || to?.calls === from.calls) {
      if (performance.now() > until + deadlineMs)
        throw new Error(`Nothing within ${deadlineMs} ms: ${load.command}`);
      const leftMs = Math.max(1, until - performance.now());
      await sleep(Math.min(everyMs, seconds * 1000, leftMs));
      const next = await sampleWhileRunning(generator, client, load, watched);
      // From the end on there is nothing to see, and shortly before it some clients have nothing left to send.
      if (!next || (commands !== undefined && next.calls - before.calls > commands * 0.98)) break;
      to = next;
    }
    if (!to || to.calls === from.calls) return await atItsEnd();
    return { between: steady(from, to), ...(await atItsEnd()) };
  } finally {
    await generator.kill();
  }
}

/**
 * Waits for facts: as many new connections at Redis as there are clients, and so many commands carried out. False where the
 * generator has ended before.
 */
async function becomesSteady(
  load: Load,
  before: Counters,
  generator: Generator,
  client: RespClient,
): Promise<boolean> {
  const until = performance.now() + deadlineMs;
  while (!generator.hasEnded()) {
    const now = await countersOf(client, load.command);
    const connected = now.connections - before.connections >= load.connections;
    if (connected && now.calls - before.calls >= load.commandsBefore) return true;
    if (performance.now() > until) throw new Error(`Not steady within ${deadlineMs} ms: ${load.command}`);
    await sleep(2);
  }
  await generator.said; // throws why, where it has failed
  return false;
}

/** Undefined once the generator has ended: nothing is left to read of a process that is gone. */
async function sampleWhileRunning(
  generator: Generator,
  client: RespClient,
  load: Load,
  watched: Watched,
): Promise<Sample | undefined> {
  try {
    return await takeSample(client, load.command, watched);
  } catch (error) {
    if (generator.hasEnded() || hasGone(error)) return undefined;
    throw error;
  }
}

function hasGone(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : undefined;
  return code === 'ENOENT' || code === 'ESRCH';
}
