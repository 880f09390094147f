import { cpuNs } from '../lib/usage.ts';
import { encodeCommand, type RespClient } from '../../test/support/index.ts';

/** What has been counted up to one instant. Processor time and commands have clocks of their own: see `steady`. */
export interface Sample {
  /** Monotonic, of the readings of processor time. */
  readonly atMs: number;
  readonly relayNs: number;
  readonly redisNs: number;
  readonly generatorNs: number;
  /** Redis' own clock, read by it in the same turn as its counters. */
  readonly redisAtUs: number;
  /** How often Redis has carried out the command. */
  readonly calls: number;
}

/** Between two samples. */
export interface Steady {
  readonly seconds: number;
  readonly commands: number;
  readonly perSecond: number;
  /** Absent where there is no relay. */
  readonly cpuUsPerCommand?: number;
  /** Cores in use meanwhile, by whom: what limits the figures above. */
  readonly coresUsed: Cores;
}

export interface Cores {
  readonly relay: number;
  readonly redis: number;
  readonly generator: number;
}

export interface Watched {
  readonly relay: readonly number[];
  readonly redis: number;
  readonly generator: number;
}

/** What Redis says of itself: on `client`, which does not go through a relay. */
export interface Counters {
  readonly redisAtUs: number;
  readonly calls: number;
  /** Connections accepted since its start. */
  readonly connections: number;
}

/** Asks for all in one write, so that Redis answers them in one turn and its clock is that of its counters. */
export async function countersOf(client: RespClient, command: string): Promise<Counters> {
  const asked = [['TIME'], ['INFO', 'commandstats'], ['INFO', 'stats']];
  client.write(Buffer.concat(asked.map((words) => encodeCommand(words))));
  const [time, commands, stats] = [
    await client.readReply(),
    await client.readReply(),
    await client.readReply(),
  ];
  const [seconds = NaN, micros = NaN] = Array.isArray(time) ? time.map((part) => Number(part)) : [];
  const connections = Number(/^total_connections_received:(\d+)/m.exec(String(stats))?.[1] ?? NaN);
  const redisAtUs = seconds * 1e6 + micros;
  if (Number.isNaN(redisAtUs + connections)) throw new Error('Cannot read what Redis says of itself');
  return { redisAtUs, connections, calls: callsOf(command, String(commands)) };
}

/** How often a command was carried out, from `INFO commandstats`: none where it has no line yet. */
export function callsOf(command: string, commandstats: string): number {
  return Number(new RegExp(`^cmdstat_${command}:calls=(\\d+)`, 'm').exec(commandstats)?.[1] ?? 0);
}

export async function takeSample(client: RespClient, command: string, watched: Watched): Promise<Sample> {
  const { calls, redisAtUs } = await countersOf(client, command);
  return {
    atMs: performance.now(),
    relayNs: cpuNs(watched.relay),
    redisNs: cpuNs([watched.redis]),
    generatorNs: cpuNs([watched.generator]),
    redisAtUs,
    calls,
  };
}

/**
 * What happened between two samples. Each sum is divided by the time between its own two readings, so that it does not
 * matter how long the answer of a busy Redis was on its way: processor time a second ÷ commands a second is that of one command.
 */
export function steady(from: Sample, to: Sample): Steady {
  const seconds = (to.redisAtUs - from.redisAtUs) / 1e6;
  const commands = to.calls - from.calls;
  if (!(seconds > 0 && commands > 0)) {
    throw new Error(`Cannot say what a command costs: ${commands} of them in ${seconds} s`);
  }
  const perSecond = commands / seconds;
  const cores = (of: (sample: Sample) => number): number => (of(to) - of(from)) / 1e6 / (to.atMs - from.atMs);
  const coresUsed = {
    relay: cores(({ relayNs }) => relayNs),
    redis: cores(({ redisNs }) => redisNs),
    generator: cores(({ generatorNs }) => generatorNs),
  };
  const cpuUsPerCommand = (coresUsed.relay * 1e6) / perSecond;
  return { seconds, commands, perSecond, ...(coresUsed.relay > 0 && { cpuUsPerCommand }), coresUsed };
}

/** Kinds of commands together, each with the same weight, however often it was measured. */
export function together(parts: readonly Steady[]): Steady {
  const cpu = parts.flatMap(({ cpuUsPerCommand }) => cpuUsPerCommand ?? []);
  const cores = (of: (cores: Cores) => number): number => mean(parts.map(({ coresUsed }) => of(coresUsed)));
  return {
    seconds: sum(parts.map(({ seconds }) => seconds)),
    commands: sum(parts.map(({ commands }) => commands)),
    perSecond: 1 / mean(parts.map(({ perSecond }) => 1 / perSecond)),
    ...(cpu.length > 0 && { cpuUsPerCommand: mean(cpu) }),
    coresUsed: {
      relay: cores(({ relay }) => relay),
      redis: cores(({ redis }) => redis),
      generator: cores(({ generator }) => generator),
    },
  };
}

export function mean(values: readonly number[]): number {
  return sum(values) / values.length;
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
