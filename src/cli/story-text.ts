import type { FailoverStory } from '../tunnel/story.ts';
import { clock, plain, table, type Cell, type Paint } from './plain.ts';

type Told = Omit<FailoverStory, 'lines'>;

/** The milestones in the words of the log, in their usual order. */
export function milestonesOf(story: Told): readonly (readonly [string, number])[] {
  const steps = [
    ['fenced', story.fencedMs],
    ['promoted', story.promotedMs],
    ['served', story.servedMs],
    ['first byte', story.firstByteMs],
    ['confirmed', story.confirmedMs],
  ] as const;
  return steps.flatMap(([what, ms]) => (typeof ms === 'number' ? [[what, ms] as const] : []));
}

/** A failover in one line. */
export function storyLine(story: Told, now: Date): string {
  const { from, to, servedMs, cut, held, trigger, at } = story;
  const outcome = from === to ? `back on ${plain(to)}` : `${plain(from)} -> ${plain(to)}`;
  const gap = typeof servedMs === 'number' ? ` after ${String(servedMs)} ms` : ', NOT SERVED';
  return `${clock(at, now)} ${outcome}${gap}, ${String(cut)} cut, ${String(held)} held, because ${plain(trigger)}`;
}

/** A failover with everything that was said and done. */
export function storyText(story: FailoverStory, now: Date, paint: Paint): string {
  const { database, from, to, generation, cut, held, trigger, at } = story;
  const outcome = from === to ? `back on ${plain(to)}` : `from ${plain(from)} to ${plain(to)}`;
  const times = milestonesOf(story).map(([what, ms]) => `${what} ${String(ms)} ms`);
  const rows = story.lines.map(({ ms, who, what }): Cell[] => [
    { text: `  ${ms.toFixed(1)} ms`, isNumber: true, style: 'faint' },
    { text: plain(who), style: who === 'tunnel' ? 'strong' : 'plain' },
    { text: plain(what) },
  ]);
  return [
    `${clock(at, now)} ${paint('strong', plain(database))} ${outcome}, generation ${String(generation)}`,
    `  because ${plain(trigger)}`,
    `  ${String(cut)} cut, ${String(held)} held; ${times.length === 0 ? 'NOT SERVED' : times.join(', ')}`,
    ...table(rows, paint),
    '',
  ].join('\n');
}
