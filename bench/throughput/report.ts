import { machineLine, type Machine } from '../lib/machine.ts';
import { median, spread } from '../lib/stats.ts';
import { table } from '../lib/table.ts';
import { cells, type Cell } from './cells.ts';
import { comparison } from './comparison.ts';
import type { Measurement } from './measure.ts';
import type { Memory } from './memory.ts';
import { byRound, mark, ratios } from './ratios.ts';

export interface Run {
  readonly startedAt: string;
  readonly tookSeconds: number;
  readonly machine: Machine;
  readonly rounds: number;
  readonly seconds: number;
  /** What carried those relays of ours that were left the choice. */
  readonly engines: Readonly<Record<string, string>>;
  /** What the builds are, where two are compared. */
  readonly builds?: string;
  readonly missing: readonly string[];
  readonly memory: readonly Memory[];
  readonly measurements: readonly Measurement[];
}

/** The relay whose figures are promised, the one they are compared with, and the one to be far cheaper than. */
const ours = 'ours';
const rival = 'haproxy';
const original = 'original';
const cpuOfOriginalAtMost = 0.7;
const idleSessionsMbAtMost = 8;

export function report(run: Run): string {
  const { machine, rounds, seconds, measurements, missing, memory, engines, builds } = run;
  const relays = [...new Set(measurements.map(({ relay }) => relay))];
  const measured = cells.filter(({ name }) => measurements.some(({ cell }) => cell === name));
  return [
    builds !== undefined ? '## Throughput against another build' : '## Throughput',
    `${run.startedAt.slice(0, 10)}, ${String(run.tookSeconds)} s. ${machineLine(machine)}.`,
    `${String(rounds)} rounds of about ${String(seconds)} s of even load for each command, the relays in turn within a round. ` +
      'Redis, the generator and the relay share the cores. Medians; in brackets least and most.',
    ...Object.entries(engines).map(([relay, engine]) => `\`${relay}\` ran on engine \`${engine}\`.`),
    ...(builds !== undefined ? [builds] : []),
    ...missing.map((text) => `Not measured: ${text}`),
    ...headline(run, measured),
    ...measured.map((cell) => cellTable(cell, relays, measurements)),
    ...(memory.length > 0 ? [memoryTable(memory)] : []),
  ].join('\n\n');
}

/** What the run is about: one build against another, or ours against what was promised. */
function headline({ builds, measurements }: Run, measured: readonly Cell[]): string[] {
  if (builds !== undefined) return [comparison(measured, measurements)];
  return measured.some((cell) => cell.kind !== 'latency') ? [targets(measured, measurements)] : [];
}

/** What was promised, against what was measured: a ratio is taken within a round, then the median of the rounds. */
function targets(measured: readonly Cell[], measurements: readonly Measurement[]): string {
  const rows = measured.flatMap((cell) => {
    if (cell.kind === 'latency') return latencyRow(cell, measurements);
    const cpu = ratios(cell, measurements, { of: ours, to: rival }, (m) => m.cpuUsPerCommand);
    const perSecond = ratios(cell, measurements, { of: ours, to: rival }, (m) => m.perSecond);
    const ofOriginal = ratios(cell, measurements, { of: ours, to: original }, (m) => m.cpuUsPerCommand);
    if (cpu.length === 0) return [];
    const { target } = cell;
    return [
      [
        cell.title,
        judged(
          cpu,
          target && ((ratio) => ratio <= target.cpuAtMost),
          target && `≤ ${String(target.cpuAtMost)}`,
        ),
        judged(
          perSecond,
          target && ((ratio) => ratio >= target.perSecondAtLeast),
          target && `≥ ${String(target.perSecondAtLeast)}`,
        ),
        ofOriginal.length === 0
          ? '-'
          : judged(ofOriginal, (ratio) => ratio <= cpuOfOriginalAtMost, `≤ ${String(cpuOfOriginalAtMost)}`),
      ],
    ];
  });
  const head = [
    'cell',
    `CPU per command, ÷ ${rival}`,
    `commands/s, ÷ ${rival}`,
    `CPU per command, ÷ ${original}`,
  ];
  return `### \`${ours}\` against its targets\n\n${table(head, rows)}`;
}

function latencyRow(cell: Cell, measurements: readonly Measurement[]): string[][] {
  const added = (relay: string, of: (m: Measurement) => number): number => {
    const direct = byRound(cell, 'direct', measurements);
    const through = byRound(cell, relay, measurements);
    return median(
      [...through].flatMap(([round, m]) => (direct.has(round) ? [of(m) - of(direct.get(round) ?? m)] : [])),
    );
  };
  const figures = (['p50Us', 'p99Us'] as const).map((key) => {
    const mine = added(ours, (m) => m[key]);
    const its = added(rival, (m) => m[key]);
    if (Number.isNaN(mine) || Number.isNaN(its)) return undefined;
    return `${key.slice(0, 3)} +${mine.toFixed(1)} µs, ${rival} +${its.toFixed(1)} ${mark(mine <= its)}`;
  });
  const [p50, p99] = figures;
  return p50 === undefined || p99 === undefined ? [] : [['added latency, 1 client', p50, p99, '-']];
}

function judged(
  values: readonly number[],
  passes: ((ratio: number) => boolean) | undefined,
  target: string | undefined,
): string {
  const { median: mid, min, max } = spread(values);
  const figure = `${mid.toFixed(2)} [${min.toFixed(2)}–${max.toFixed(2)}]`;
  return passes && target ? `${figure} ${target} ${mark(passes(mid))}` : figure;
}

function cellTable(cell: Cell, relays: readonly string[], measurements: readonly Measurement[]): string {
  const rows = relays.flatMap((relay) => {
    const own = measurements.filter((m) => m.cell === cell.name && m.relay === relay);
    if (own.length === 0) return [];
    const cpu = own.flatMap(({ cpuUsPerCommand }) => cpuUsPerCommand ?? []);
    const cores = (['relay', 'redis', 'generator'] as const).map((who) =>
      median(own.map(({ coresUsed }) => coresUsed[who])).toFixed(2),
    );
    return [
      [
        relay,
        ranged(
          own.map((m) => m.perSecond),
          0,
        ),
        cpu.length > 0 ? ranged(cpu, 2) : '-',
        median(own.map((m) => m.p50Us)).toFixed(1),
        median(own.map((m) => m.p99Us)).toFixed(1),
        cores.join(' / '),
      ],
    ];
  });
  const head = [
    'relay',
    'commands/s',
    'CPU µs/command',
    'p50 µs',
    'p99 µs',
    'cores: relay / redis / generator',
  ];
  return `### ${cell.title}\n\n${table(head, rows)}`;
}

function ranged(values: readonly number[], digits: number): string {
  const { median: mid, min, max } = spread(values);
  return `${mid.toFixed(digits)} [${min.toFixed(digits)}–${max.toFixed(digits)}]`;
}

function memoryTable(memory: readonly Memory[]): string {
  const mb = (bytes: number): string => (bytes / 2 ** 20).toFixed(1);
  const rows = memory.map(({ relay, sessions, idleBytes, loadedBytes, deltaBytes }) => [
    relay,
    String(sessions),
    mb(idleBytes),
    mb(loadedBytes),
    `${mb(deltaBytes)}${relay === ours && sessions === 8000 ? ` ≤ ${String(idleSessionsMbAtMost)} ${mark(deltaBytes <= idleSessionsMbAtMost * 2 ** 20)}` : ''}`,
    String(Math.round(deltaBytes / sessions)),
  ]);
  const head = ['relay', 'idle sessions', 'just started, MB', 'with them, MB', 'more, MB', 'bytes/session'];
  return `### Resident memory\n\n${table(head, rows)}`;
}
