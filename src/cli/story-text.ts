import { courseOf, roundMs, stepsOf } from '../tunnel/steps.ts';
import type { FailoverStory } from '../tunnel/story.ts';
import { table, type Cell, type Paint } from './plain.ts';
import { clock } from '../telemetry/local-time.ts';
import { printable } from '../printable.ts';

type Told = Omit<FailoverStory, 'lines'>;

/** A failover in one line. */
export function storyLine(story: Told, now: Date): string {
  const { from, to, servedMs, cut, held, trigger, at } = story;
  const outcome = from === to ? `back on ${printable(to)}` : `${printable(from)} -> ${printable(to)}`;
  const gap = typeof servedMs === 'number' ? `, not served for ${roundMs(servedMs)} ms` : ', NOT SERVED';
  return `${clock(at, now)} ${outcome}${gap}, ${String(cut)} cut, ${String(held)} held, because ${printable(trigger)}`;
}

/** A failover with everything that was said and done. */
export function storyText(story: FailoverStory, now: Date, paint: Paint): string {
  const { database, generation, cut, held, trigger, at } = story;
  const times = stepsOf(story).map(({ word, ms }) => `${word} ${roundMs(ms)} ms`);
  const rows = story.lines.map(({ ms, who, what }): Cell[] => [
    { text: `  ${ms.toFixed(1)} ms`, isNumber: true, style: 'faint' },
    { text: printable(who), style: who === 'tunnel' ? 'strong' : 'plain' },
    { text: printable(what) },
  ]);
  return [
    `${clock(at, now)} ${paint('strong', printable(database))} ${printable(courseOf(story))}, generation ${String(generation)}`,
    `  because ${printable(trigger)}`,
    `  ${String(cut)} cut, ${String(held)} held; ${times.length === 0 ? 'NOT SERVED' : times.join(', ')}`,
    ...table(rows, paint),
    '',
  ].join('\n');
}
