import { parseArgs } from 'node:util';
import { startDirect } from '../peers/direct.ts';
import { startHaproxy } from '../peers/haproxy.ts';
import { startNginx } from '../peers/nginx.ts';
import { originalBinary, startOriginal } from '../peers/original.ts';
import { startOurs } from '../peers/ours.ts';
import type { StartRelay } from '../peers/relay.ts';
import { cells, type Cell } from './cells.ts';

const relays: Readonly<Record<string, StartRelay>> = {
  direct: startDirect,
  'ours-epoll': (upstream) => startOurs(upstream, { engine: 'epoll' }),
  'ours-streams': (upstream) => startOurs(upstream, { engine: 'streams' }),
  haproxy: (upstream) => startHaproxy(upstream),
  nginx: startNginx,
  original: startOriginal,
  'ours-epoll-2t': (upstream) => startOurs(upstream, { engine: 'epoll', threads: 2 }),
  'haproxy-splice': (upstream) => startHaproxy(upstream, { splice: true }),
};
const standard = ['direct', 'ours-epoll', 'ours-streams', 'haproxy', 'nginx'];

const usage = `bench:throughput [--quick] [--rounds N] [--seconds S] [--cells a,b] [--relays a,b] [--sessions N] [--no-write]
  cells:  ${cells.map(({ name }) => name).join(' ')} memory
  relays: ${Object.keys(relays).join(' ')}`;

export interface Options {
  readonly rounds: number;
  /** How long one command of one cell is measured in one round. */
  readonly seconds: number;
  readonly cells: readonly Cell[];
  readonly relays: ReadonlyMap<string, StartRelay>;
  readonly withMemory: boolean;
  readonly sessions: number;
  readonly writesResults: boolean;
}

export function parseOptions(args: readonly string[]): Options {
  const { values } = parseArgs({
    args: [...args],
    options: {
      quick: { type: 'boolean', default: false },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      cells: { type: 'string' },
      relays: { type: 'string' },
      sessions: { type: 'string', default: '8000' },
      'no-write': { type: 'boolean', default: false },
    },
  });
  const wanted = values.cells?.split(',');
  const named = values.relays?.split(',') ?? [...standard, ...(originalBinary() ? ['original'] : [])];
  const unknown = [
    ...(wanted ?? []).filter((name) => name !== 'memory' && !cells.some((cell) => cell.name === name)),
    ...named.filter((name) => !(name in relays)),
  ];
  if (unknown.length > 0) throw new Error(`Cannot measure ${unknown.join(', ')}: not known\n${usage}`);
  return {
    rounds: Number(values.rounds ?? (values.quick ? 2 : 5)),
    seconds: Number(values.seconds ?? (values.quick ? 0.3 : 0.8)),
    cells: wanted ? cells.filter(({ name }) => wanted.includes(name)) : cells,
    relays: new Map(named.flatMap((name) => (relays[name] ? [[name, relays[name]] as const] : []))),
    withMemory: wanted?.includes('memory') ?? true,
    sessions: Number(values.sessions),
    writesResults: !values['no-write'],
  };
}
