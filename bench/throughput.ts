// What a relay costs: commands per second, latency, CPU per command and memory, beside its peers in the same run.
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Scope } from '../src/lifecycle/scope.ts';
import { RedisProcess, RespClient } from '../test/support/index.ts';
import { describeMachine } from './lib/machine.ts';
import { optionsOf } from './lib/options.ts';
import { writeRun, writeSection } from './lib/results.ts';
import { describeBuilds } from './peers/build.ts';
import { type Relay, type Upstream } from './peers/relay.ts';
import { redisBenchmark } from './throughput/generator.ts';
import { measure, plan, type Measurement, type Plan, type Server } from './throughput/measure.ts';
import { measureMemory, sessionsThatFit, type Memory } from './throughput/memory.ts';
import { parseOptions, usage, type Options } from './throughput/options.ts';
import { report } from './throughput/report.ts';
import { alternate, rotate } from './lib/turns.ts';

const options = optionsOf(usage, parseOptions);
const dir = mkdtempSync(join(tmpdir(), 'bench-throughput-'));
try {
  await main(options);
} finally {
  rmSync(dir, { recursive: true, force: true });
}

async function main(chosen: Options): Promise<void> {
  const startedAt = new Date();
  const machine = describeMachine();
  await using redis = await RedisProcess.start({ config: ['maxclients 12000', 'tcp-backlog 4096'] });
  // The tunnel and the original learn the address from it; nothing fails over here.
  await using sentinel = await RedisProcess.start({
    sentinel: true,
    config: [`sentinel monitor bench 127.0.0.1 ${redis.port} 1`],
  });
  const upstream = {
    redisPorts: [redis.port],
    sentinelPorts: [sentinel.port],
    masterName: 'bench',
    dir,
  };
  const missing: string[] = [];
  const engines: Record<string, string> = {};
  const memory = chosen.withMemory ? await allMemory(chosen, upstream, missing) : [];
  await using client = await RespClient.connect(redis.port);
  const measurements = await allRounds(chosen, upstream, { pid: redis.pid, client }, missing, engines);
  const run = {
    startedAt: startedAt.toISOString(),
    tookSeconds: Math.round((Date.now() - startedAt.getTime()) / 1000),
    machine,
    rounds: chosen.rounds,
    seconds: chosen.seconds,
    engines,
    ...(chosen.builds && { builds: describeBuilds(chosen.builds) }),
    missing,
    memory,
    measurements,
  };
  const text = report(run);
  process.stdout.write(`\n${text}\n\n`);
  const name = chosen.builds ? 'throughput-against' : 'throughput';
  progress(`kept ${writeRun(name, run)}`);
  if (chosen.writesResults) progress(`wrote ${writeSection(name, text)}`);
}

async function allRounds(
  { rounds, seconds, cells, relays, builds }: Options,
  upstream: Upstream,
  server: Server,
  missing: string[],
  engines: Record<string, string>,
): Promise<Measurement[]> {
  await using scope = new Scope();
  const started: Relay[] = [];
  for (const [name, start] of relays) {
    try {
      const relay = scope.use(await start(upstream));
      started.push(relay);
      if (relay.engine !== undefined) engines[relay.name] = relay.engine;
    } catch (error) {
      missing.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
      progress(`without ${missing.at(-1) ?? name}`);
    }
  }
  const measurements: Measurement[] = [];
  for (const cell of cells) {
    // A key of the right size, for cells that only read.
    if (cell.kind !== 'connect') {
      const args = ['-t', 'set', '-c', 1, '-d', cell.bytes];
      await redisBenchmark(upstream.redisPorts[0] ?? 0, args, 50).said; // of one it cannot say the rate
    }
    const plans = new Map<Relay, Plan>();
    for (const relay of started) plans.set(relay, await plan(cell, relay, server, seconds));
    for (let round = 0; round < rounds; round += 1) {
      for (const relay of builds ? alternate(started, round) : rotate(started, round)) {
        const planned = plans.get(relay);
        if (planned) measurements.push(await measure(planned, server, seconds, round));
      }
    }
    progress(`${cell.name} done`);
  }
  return measurements;
}

async function allMemory(
  { relays, sessions }: Options,
  upstream: Upstream,
  missing: string[],
): Promise<Memory[]> {
  const memory: Memory[] = [];
  for (const [name, start] of relays) {
    if (name === 'direct') continue;
    // What it has no descriptors for it cannot carry, and ends.
    const fitting = Math.min(sessions, sessionsThatFit(name));
    try {
      memory.push(await measureMemory(start, upstream, fitting));
    } catch (error) {
      missing.push(`memory of ${name} with ${fitting} sessions: ${String(error)}`);
      progress(`without ${missing.at(-1) ?? name}`);
    }
  }
  return memory;
}

function progress(text: string): void {
  process.stderr.write(`${text}\n`);
}
