// What the admin listener costs: how long a status and a scrape take with many sessions, what processor time each is,
// and what a scraper and a dashboard that ask all the time take away from the throughput.
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { ask, EventStream, RedisProcess, serveThrough, type TunnelProcess } from '../test/support/index.ts';
import { describeMachine, machineLine } from './lib/machine.ts';
import { numberFrom, optionsOf, readFlags, wholeFrom } from './lib/options.ts';
import { writeRun, writeSection } from './lib/results.ts';
import { median, quantile } from './lib/stats.ts';
import { table } from './lib/table.ts';
import { cpuNs } from './lib/usage.ts';
import { redisBenchmark } from './throughput/generator.ts';

const usage = 'npm run bench:admin -- [--sessions N] [--requests N] [--rounds N] [--seconds S] [--no-write]';
const options = optionsOf(usage, (args) => {
  const values = readFlags(args, {
    sessions: { type: 'string', default: '5000' },
    requests: { type: 'string', default: '300' },
    rounds: { type: 'string', default: '10' },
    seconds: { type: 'string', default: '3' },
    'no-write': { type: 'boolean', default: false },
  });
  return {
    sessions: wholeFrom(1, 'sessions', values.sessions),
    requests: wholeFrom(1, 'requests', values.requests),
    rounds: wholeFrom(1, 'rounds', values.rounds),
    seconds: numberFrom(0.01, 'seconds', values.seconds),
    writesResults: !values['no-write'],
  };
});
const clients = 50;
const routes = ['/status', '/metrics', '/readyz', '/livez'] as const;

const machine = describeMachine();
await using redis = await RedisProcess.start({ config: ['maxclients 12000', 'tcp-backlog 4096'] });
await using sentinel = await RedisProcess.start({
  sentinel: true,
  config: [`sentinel monitor bench 127.0.0.1 ${redis.port} 1`],
});
await using tunnel = await serveThrough(
  { name: 'bench', seeds: [`127.0.0.1:${sentinel.port}`] },
  { config: { admin: { listen: 0 } } },
);
await tunnel.waitFor(({ event }) => event === 'admin.opened');

const answers = await measureAnswers(tunnel, options.sessions, options.requests);
const rounds = await measureThroughput(tunnel, options.rounds, options.seconds);
const ratios = rounds.map(({ asked, quiet }) => asked / quiet);
const text = [
  '## Admin listener',
  machineLine(machine),
  `${options.sessions} sessions open, one request after the other, ${options.requests} of each route. Processor time is that of the tunnel.`,
  table(
    ['route', 'bytes', 'median ms', '99 % ms', 'processor ms each'],
    answers.map(({ route, bytes, ms, cpuMs }) => [
      route,
      String(bytes),
      median(ms).toFixed(2),
      quantile(ms, 0.99).toFixed(2),
      cpuMs.toFixed(2),
    ]),
  ),
  `Throughput with ${String(clients)} clients while /metrics is scraped every second and a dashboard asks for /status every second and follows /events, as a part of that without, in ${options.rounds} alternating pairs: median ${percent(median(ratios))}, quartiles ${percent(quantile(ratios, 0.25))} and ${percent(quantile(ratios, 0.75))}.`,
].join('\n\n');
process.stdout.write(`${text}\n`);
const kept = writeRun('admin', { machine, answers, rounds });
process.stderr.write(`kept ${kept}\n`);
if (options.writesResults) writeSection('admin', text);

async function measureAnswers(
  of: TunnelProcess,
  sessions: number,
  requests: number,
): Promise<{ route: string; bytes: number; ms: readonly number[]; cpuMs: number }[]> {
  const sockets = await openSessions(of.port('bench'), sessions);
  try {
    const measured = [];
    for (const route of routes) {
      for (let warm = 0; warm < 50; warm += 1) await ask(of.adminPort, route);
      const ms: number[] = [];
      let bytes = 0;
      const before = cpuNs([of.pid]);
      for (let done = 0; done < requests; done += 1) {
        const begunMs = performance.now();
        bytes = (await ask(of.adminPort, route)).text.length;
        ms.push(performance.now() - begunMs);
      }
      measured.push({ route, bytes, ms, cpuMs: (cpuNs([of.pid]) - before) / 1e6 / requests });
    }
    return measured;
  } finally {
    for (const socket of sockets) socket.destroy();
  }
}

async function openSessions(port: number, count: number): Promise<Socket[]> {
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const more = Array.from({ length: Math.min(100, count - sockets.length) }, async () => {
      const socket = connect(port, '127.0.0.1');
      socket.write('PING\r\n');
      await once(socket, 'data');
      return socket;
    });
    sockets.push(...(await Promise.all(more)));
  }
  return sockets;
}

/** Commands per second in pairs, one with and one without somebody who asks; another one of the two first each time. */
async function measureThroughput(
  of: TunnelProcess,
  pairs: number,
  seconds: number,
): Promise<{ quiet: number; asked: number }[]> {
  const port = of.port('bench');
  const load = ['-t', 'get', '-c', clients];
  const warm = await redisBenchmark(port, load, 20_000).said;
  const commands = Math.ceil(warm.perSecond * seconds);
  const run = async (): Promise<number> => (await redisBenchmark(port, load, commands).said).perSecond;
  const runAsked = async (): Promise<number> => {
    const over = new AbortController();
    const asking = askAlways(of, over.signal);
    const perSecond = await run();
    over.abort();
    await asking;
    return perSecond;
  };
  const rounds = [];
  for (let pair = 0; pair < pairs; pair += 1) {
    if (pair % 2 === 0) rounds.push({ quiet: await run(), asked: await runAsked() });
    else {
      const asked = await runAsked();
      rounds.push({ asked, quiet: await run() });
    }
  }
  return rounds;
}

async function askAlways(of: TunnelProcess, signal: AbortSignal): Promise<void> {
  await using following = await EventStream.open(of.adminPort, '/events');
  while (!signal.aborted && !following.isOver) {
    await ask(of.adminPort, '/metrics');
    await ask(of.adminPort, '/status');
    await sleep(1000, undefined, { signal }).catch(() => undefined); // aborted: the loop ends
  }
}

function percent(ratio: number): string {
  return `${(ratio * 100).toFixed(1)} %`;
}
