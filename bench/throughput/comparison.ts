import { quantile } from '../lib/stats.ts';
import { table } from '../lib/table.ts';
import { engines, type Engine } from '../peers/ours.ts';
import type { Cell } from './cells.ts';
import type { Measurement } from './measure.ts';
import { mark, ratios } from './ratios.ts';

/** How much worse than the other build this one may be. A run of few rounds differs from itself by more. */
const cpuAtMost = 1.02;
const perSecondAtLeast = 0.98;

/** This build ÷ the other one, for every cell and engine that both were measured with. */
export function comparison(measured: readonly Cell[], measurements: readonly Measurement[]): string {
  const rows = measured.flatMap((cell) => engines.flatMap((engine) => rowOf(cell, engine, measurements)));
  const head = ['cell', 'engine', 'CPU per command, ours ÷ other', 'commands/s, ours ÷ other'];
  return (
    '### `ours` against `other`\n\n' +
    'A ratio is taken within a round; median of the rounds, in brackets the quartiles. ' +
    '✗: worse than the limit in three of four rounds; ?: in more than half, so more rounds have to tell.\n\n' +
    table(head, rows)
  );
}

function rowOf(cell: Cell, engine: Engine, measurements: readonly Measurement[]): string[][] {
  const pair = { of: `ours-${engine}`, to: `other-${engine}` };
  const cpu = ratios(cell, measurements, pair, (m) => m.cpuUsPerCommand);
  const perSecond = ratios(cell, measurements, pair, (m) => m.perSecond);
  if (cpu.length === 0) return [];
  const isDearer = (q: number): boolean => quantile(cpu, q) > cpuAtMost;
  const isSlower = (q: number): boolean => quantile(perSecond, 1 - q) < perSecondAtLeast;
  return [
    [
      cell.title,
      engine,
      `${ranged(cpu)} ≤ ${cpuAtMost} ${verdict(isDearer)}`,
      `${ranged(perSecond)} ≥ ${perSecondAtLeast} ${verdict(isSlower)}`,
    ],
  ];
}

/** A median beyond the limit says little while a quarter of the rounds say otherwise: then it takes more rounds. */
function verdict(isWorse: (q: number) => boolean): string {
  if (!isWorse(0.5)) return mark(true);
  return isWorse(0.25) ? mark(false) : '?';
}

function ranged(values: readonly number[]): string {
  const [low, mid, high] = [0.25, 0.5, 0.75].map((q) => quantile(values, q).toFixed(3));
  return `${mid ?? ''} [${low ?? ''}–${high ?? ''}]`;
}
