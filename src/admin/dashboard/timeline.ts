import { milestonesOf, type ReachedMilestone } from '../../tunnel/failover-record.ts';
import type { FailoverRecord, RecordLine } from '../../tunnel/failover-record.ts';

/** A failover record prepared for drawing to scale. */
export interface Timeline {
  readonly fromMs: number;
  readonly toMs: number;
  readonly lanes: readonly Lane[];
  /** The shown milestones. */
  readonly flags: readonly ReachedMilestone[];
  /** The time without a served master, and the time before its confirmation. */
  readonly spans: readonly Span[];
  readonly ticks: readonly number[];
}

export interface Lane {
  readonly who: string;
  readonly lines: readonly RecordLine[];
}

export interface Span {
  readonly kind: 'nothing' | 'provisional';
  readonly fromMs: number;
  readonly toMs: number;
  readonly word: string;
}

/** From start to end; to the first byte; with the ten seconds before. */
export const zooms = ['failover', 'window', 'whole'] as const;
export type Zoom = (typeof zooms)[number];

const mostLanes = 10;

export function timelineOf(record: FailoverRecord, zoom: Zoom): Timeline {
  const [fromMs, toMs] = { failover: failoverOf, window: windowOf, whole: wholeOf }[zoom](record);
  const isShown = ({ ms }: { readonly ms: number }): boolean => ms >= fromMs && ms <= toMs;
  return {
    ...{ fromMs, toMs },
    lanes: lanesOf(record.lines.filter(isShown)),
    flags: milestonesOf(record).filter(isShown),
    spans: spansOf(record, toMs)
      .filter((span) => span.fromMs < toMs && span.toMs > fromMs)
      .map((span) => ({ ...span, fromMs: Math.max(fromMs, span.fromMs), toMs: Math.min(toMs, span.toMs) })),
    ticks: ticksIn(fromMs, toMs),
  };
}

/** @returns round times, about a sixth of the span apart */
export function ticksIn(fromMs: number, toMs: number, about = 6): readonly number[] {
  const raw = Math.max(1e-3, toMs - fromMs) / about;
  const power = 10 ** Math.floor(Math.log10(raw));
  const step = [1, 2, 5, 10].map((factor) => factor * power).find((each) => each >= raw) ?? raw;
  const first = Math.ceil(fromMs / step);
  const count = Math.floor(toMs / step) - first + 1;
  return Array.from({ length: Math.max(0, count) }, (_, index) => (first + index) * step);
}

function wholeOf(record: FailoverRecord): readonly [number, number] {
  const times = [0, ...record.lines.map(({ ms }) => ms), ...milestonesOf(record).map(({ ms }) => ms)];
  return padded(Math.min(...times), Math.max(...times));
}

/** The failover, with a part of the time before it. */
function failoverOf(record: FailoverRecord): readonly [number, number] {
  const [from, to] = wholeOf(record);
  return [Math.max(from, -to * 0.2), to];
}

/** From the start to the first byte from the new master. */
function windowOf(record: FailoverRecord): readonly [number, number] {
  const ends = [record.servedMs, record.firstByteMs ?? record.servedMs].filter((ms) => ms !== undefined);
  if (ends.length === 0) return wholeOf(record);
  const end = Math.max(1, ...ends);
  return padded(-end * 0.15, end);
}

function padded(from: number, to: number): readonly [number, number] {
  const room = Math.max(1, (to - from) * 0.04);
  return [from - room, to + room];
}

function spansOf({ servedMs, confirmedMs, lines }: FailoverRecord, endMs: number): Span[] {
  const end = servedMs ?? Math.max(endMs, ...lines.map(({ ms }) => ms));
  const spans: Span[] = [{ kind: 'nothing', fromMs: 0, toMs: end, word: 'nothing served' }];
  if (servedMs !== undefined && confirmedMs !== undefined && confirmedMs > servedMs)
    spans.push({ kind: 'provisional', fromMs: servedMs, toMs: confirmedMs, word: 'served provisionally' });
  return spans;
}

/** One lane for each source, the tunnel first; the last sources share one lane. */
function lanesOf(lines: readonly RecordLine[]): readonly Lane[] {
  const byWho = new Map<string, RecordLine[]>([['tunnel', []]]);
  for (const line of lines) {
    const who = byWho.has(line.who) || byWho.size < mostLanes ? line.who : 'others';
    byWho.set(who, [...(byWho.get(who) ?? []), line]);
  }
  return [...byWho].map(([who, said]) => ({ who, lines: said }));
}
