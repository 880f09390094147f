// Failovers in a row under mixed load: nothing of the tunnel may grow.
import process from 'node:process';
import { setTimeout as sleep } from 'node:timers/promises';
import { eventually, leaveEndToCaller, startCluster, testEngine } from '../test/support/index.ts';
import { namesOf, numberFrom, optionsOf, readFlags, UsageError, wholeFrom } from './lib/options.ts';
import { writeRun } from './lib/results.ts';
import { failOver, type Kind } from './soak/failing-over.ts';
import { Load } from './soak/load.ts';
import { growths, type Point } from './soak/measured.ts';
import { SoakedTunnel } from './soak/tunnel.ts';

const usage =
  'npm run soak -- [--failovers N] [--minutes N] [--every SECONDS] [--engine auto|io_uring|epoll|streams]';
const { wanted, minutes, everySeconds, engine } = optionsOf(usage, (args) => {
  const values = readFlags(args, {
    failovers: { type: 'string', default: '200' },
    minutes: { type: 'string', default: '60' },
    every: { type: 'string', default: '0' },
    engine: { type: 'string', default: testEngine },
  });
  const [named = '', ...more] = namesOf('engine', values.engine, ['auto', 'io_uring', 'epoll', 'streams']);
  if (more.length > 0) throw new UsageError('--engine: expected one engine');
  return {
    wanted: wholeFrom(1, 'failovers', values.failovers),
    minutes: numberFrom(0, 'minutes', values.minutes),
    /** Between two failovers, while the load goes on. */
    everySeconds: numberFrom(0, 'every', values.every),
    engine: named,
  };
});
const untilMs = performance.now() + minutes * 60_000;
/** The first failovers fill caches and have code compiled: what they add is no leak. */
const warmUp = Math.min(5, Math.ceil(wanted / 3));
const measureEvery = Math.max(1, Math.min(20, Math.floor(wanted / 5)));

leaveEndToCaller();
const points: Point[] = [];
const problems = await soak();
say(`kept ${writeRun('soak', { wanted, engine, points, problems })}`);
for (const problem of problems) say(`NOT FLAT: ${problem}`);
if (problems.length === 0) say(`flat over ${points.at(-1)?.failovers ?? 0} failovers`);
process.exitCode = problems.length === 0 ? 0 : 1;

async function soak(): Promise<readonly string[]> {
  await using cluster = await startCluster({ downAfterMs: 1000 });
  await using tunnel = await SoakedTunnel.start({
    sentinels: cluster.seeds,
    databases: [{ name: cluster.name, listen: 0, holdMs: 30_000 }],
    engine,
  });
  const load = new Load(tunnel.port);
  load.start();
  try {
    await advance(load);
    let done = 0;
    while (done < wanted && performance.now() < untilMs) {
      await failOver(cluster, kindOf(done), done);
      done += 1;
      await advance(load);
      await sleep(everySeconds * 1000);
      if (done !== warmUp && done !== wanted && done % measureEvery !== 0) continue;
      await load.stop();
      const point = { failovers: done, ...(await tunnel.measure()) };
      if (done >= warmUp) points.push(point);
      describe(point);
      load.start();
      await advance(load);
    }
    await load.stop();
    say(`${load.acknowledged} writes acknowledged, ${load.errors} errors`);
    say(`values read back: ${load.readBack}, of them wrong: ${load.wrong}`);
    return verdict(done, load.wrong);
  } finally {
    await load.stop();
  }
}

/** Mostly planned ones, which are quick; now and then a crash or a freeze. */
function kindOf(done: number): Kind {
  if (done % 10 === 4) return 'killed';
  return done % 10 === 8 ? 'frozen' : 'planned';
}

/** Waits until writes get through. */
async function advance(load: Load): Promise<void> {
  const before = load.writes;
  await eventually(() => load.writes > before + 20, { withinMs: 40_000 });
}

function verdict(done: number, wrong: number): readonly string[] {
  const last = points.at(-1);
  // Once a hundred stories are kept, nothing at all may be added.
  const first = points.find((point) => point.stories === 100 && point !== last) ?? points[0];
  const grown = [
    ...(first && last ? growths(first, last) : ['nothing was measured']),
    ...(wrong > 0 ? [`${wrong} values came back changed`] : []),
  ];
  return done < wanted ? [...grown, `only ${done} of ${wanted} failovers in ${minutes} minutes`] : grown;
}

function describe(point: Point): void {
  const { failovers, heapMiB, residentMiB, descriptors, resources, admitted, stories } = point;
  const open = Object.entries(resources).map(([kind, count]) => `${kind} ${count}`);
  say(
    `${failovers} failovers: heap ${heapMiB.toFixed(1)} MiB, resident ${residentMiB.toFixed(1)} MiB, ` +
      `${descriptors} descriptors, ${admitted} connections so far, ${stories} stories; ${open.join(', ')}`,
  );
}

function say(line: string): void {
  process.stdout.write(`${line}\n`);
}
