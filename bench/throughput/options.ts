import { namesOf, numberFrom, readFlags, UsageError, wholeFrom } from '../lib/options.ts';
import { buildAt, ownBuild, type Build } from '../peers/build.ts';
import { startDirect } from '../peers/direct.ts';
import { startHaproxy } from '../peers/haproxy.ts';
import { startNginx } from '../peers/nginx.ts';
import { originalBinary, startOriginal } from '../peers/original.ts';
import { engines, startOurs } from '../peers/ours.ts';
import type { StartRelay } from '../peers/relay.ts';
import { cells, type Cell } from './cells.ts';

const relays: Readonly<Record<string, StartRelay>> = {
  direct: startDirect,
  ours: (upstream) => startOurs(upstream, { engine: 'auto' }),
  'ours-epoll': (upstream) => startOurs(upstream, { engine: 'epoll' }),
  'ours-streams': (upstream) => startOurs(upstream, { engine: 'streams' }),
  haproxy: (upstream) => startHaproxy(upstream),
  nginx: startNginx,
  original: startOriginal,
  'ours-epoll-2t': (upstream) => startOurs(upstream, { engine: 'epoll', threads: 2 }),
  'haproxy-splice': (upstream) => startHaproxy(upstream, { splice: true }),
};
const standard = ['direct', 'ours', 'ours-epoll', 'ours-streams', 'haproxy', 'nginx'];

/** Cells for which nothing is promised: measured where they are named, so that a whole run stays within ten minutes. */
const further = cells
  .filter((cell) => cell.kind !== 'latency' && cell.target === undefined)
  .map(({ name }) => name);

export const usage = `npm run bench:throughput -- [--quick] [--rounds N] [--seconds S] [--cells a,b] [--relays a,b] [--sessions N] [--no-write] [--against DIR [--engines a,b]]
  cells:  ${cells.map(({ name }) => name).join(' ')} memory; without --cells all but ${further.join(' ')}
  relays: ${Object.keys(relays).join(' ')}
  DIR:    a built checkout, which this one is compared with on the engines ${engines.join(' ')}`;

export interface Options {
  readonly rounds: number;
  /** How long one command of one cell is measured in one round. */
  readonly seconds: number;
  readonly cells: readonly Cell[];
  readonly relays: ReadonlyMap<string, StartRelay>;
  /** This build and the one it is compared with, where it is. */
  readonly builds?: readonly Build[];
  readonly withMemory: boolean;
  readonly sessions: number;
  readonly writesResults: boolean;
}

/** @throws UsageError for what cannot be measured */
export function parseOptions(args: readonly string[]): Options {
  const all = [...cells.map(({ name }) => name), 'memory'];
  const installed = [...standard, ...(originalBinary() ? ['original'] : [])];
  const values = readFlags(args, {
    quick: { type: 'boolean', default: false },
    rounds: { type: 'string' },
    seconds: { type: 'string' },
    cells: { type: 'string', default: all.filter((name) => !further.includes(name)).join(',') },
    relays: { type: 'string' },
    against: { type: 'string' },
    engines: { type: 'string' },
    sessions: { type: 'string', default: '8000' },
    'no-write': { type: 'boolean', default: false },
  });
  const wanted = namesOf('cells', values.cells, all);
  const builds = values.against === undefined ? undefined : [ownBuild, buildAt(values.against)];
  if (builds && values.relays !== undefined) {
    throw new UsageError('Cannot use relays with against: expected engines');
  }
  if (!builds && values.engines !== undefined) throw new UsageError('Cannot use engines without against');
  return {
    rounds: wholeFrom(1, 'rounds', values.rounds ?? (values.quick ? '2' : '5')),
    seconds: numberFrom(0.01, 'seconds', values.seconds ?? (values.quick ? '0.3' : '0.8')),
    cells: cells.filter(({ name }) => wanted.includes(name)),
    relays: builds
      ? relaysOf(builds, namesOf('engines', values.engines ?? engines.join(','), engines))
      : relaysNamed(namesOf('relays', values.relays ?? installed.join(','), Object.keys(relays))),
    ...(builds && { builds }),
    withMemory: wanted.includes('memory'),
    sessions: wholeFrom(1, 'sessions', values.sessions),
    writesResults: !values['no-write'],
  };
}

function relaysNamed(names: readonly string[]): ReadonlyMap<string, StartRelay> {
  return new Map(names.flatMap((name) => (relays[name] ? [[name, relays[name]] as const] : [])));
}

/** The builds on one engine stand next to each other: what is compared is measured shortly one after the other. */
function relaysOf(builds: readonly Build[], wanted: readonly string[]): ReadonlyMap<string, StartRelay> {
  const pairs = engines
    .filter((engine) => wanted.includes(engine))
    .flatMap((engine) => builds.map((build) => ({ engine, build })));
  return new Map(
    pairs.map(({ engine, build }) => [
      `${build.name}-${engine}`,
      (upstream) => startOurs(upstream, { engine, build }),
    ]),
  );
}
