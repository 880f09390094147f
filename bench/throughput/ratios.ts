import type { Cell } from './cells.ts';
import type { Measurement } from './measure.ts';

/** One relay ÷ another in a cell, round by round: what slows down a whole round does not count. */
export function ratios(
  cell: Cell,
  measurements: readonly Measurement[],
  { of: relay, to: other }: { readonly of: string; readonly to: string },
  figure: (m: Measurement) => number | undefined,
): number[] {
  const others = byRound(cell, other, measurements);
  return [...byRound(cell, relay, measurements)].flatMap(([round, m]) => {
    const its = others.get(round);
    const [mine, theirs] = [figure(m), its && figure(its)];
    return mine === undefined || theirs === undefined ? [] : [mine / theirs];
  });
}

export function byRound(
  cell: Cell,
  relay: string,
  measurements: readonly Measurement[],
): Map<number, Measurement> {
  return new Map(
    measurements.filter((m) => m.cell === cell.name && m.relay === relay).map((m) => [m.round, m]),
  );
}

export function mark(passes: boolean): string {
  return passes ? '✓' : '✗';
}
