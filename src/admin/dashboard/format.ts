import { roundMs } from '../../tunnel/steps.ts';

/** Text for numbers and times. Pure, so that tests need no browser. */

const units = ['B', 'kB', 'MB', 'GB', 'TB'] as const;

/** A rate in bytes per second, with three digits: "1.25 MB/s". */
export function rateText(bytesPerSecond: number | undefined): string {
  if (bytesPerSecond === undefined) return '–';
  let value = Math.max(0, bytesPerSecond);
  let unit = 0;
  while (value >= 999.5 && unit < units.length - 1) {
    value /= 1000;
    unit += 1;
  }
  const digits = unit === 0 || value >= 99.95 ? 0 : value >= 9.995 ? 1 : 2;
  return `${value.toFixed(digits)} ${units[unit] ?? 'B'}/s`;
}

/** A count, with thin spaces between thousands. */
export function countText(count: number | null | undefined): string {
  if (count === undefined || count === null) return '–';
  return Math.round(count)
    .toString()
    .replace(/\B(?=(\d{3})+$)/g, '\u2009');
}

/** A span of time, in its two largest units: "4 min 12 s". */
export function spanText(ms: number): string {
  const seconds = Math.max(0, Math.floor(ms / 1000));
  const parts = [
    [Math.floor(seconds / 86_400), 'd'],
    [Math.floor(seconds / 3600) % 24, 'h'],
    [Math.floor(seconds / 60) % 60, 'min'],
    [seconds % 60, 's'],
  ] as const;
  const first = parts.findIndex(([count]) => count > 0);
  if (first < 0) return '0 s';
  return parts
    .slice(first, first + 2)
    .filter(([count]) => count > 0)
    .map(([count, unit]) => `${String(count)} ${unit}`)
    .join(' ');
}

/** Milliseconds of a failover: to the tenth below a hundred, and whole above. */
export function msText(ms: number): string {
  return `${roundMs(ms).replace('-', '\u2212')} ms`;
}

/** How long an answer took. */
export function latencyText(ms: number | null): string {
  if (ms === null) return '–';
  return ms < 10 ? `${ms.toFixed(1)} ms` : `${ms.toFixed(0)} ms`;
}

/** The time of the day here, "12:03:04"; with the date where that is another than today's. */
export function clockText(iso: string, now = new Date()): string {
  const time = new Date(iso);
  if (Number.isNaN(time.getTime())) return '–';
  const two = (part: number): string => String(part).padStart(2, '0');
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':');
  if (time.toDateString() === now.toDateString()) return clock;
  return `${String(time.getFullYear())}-${two(time.getMonth() + 1)}-${two(time.getDate())} ${clock}`;
}

/** At most so many characters, the middle left out: both ends of an address tell something. */
export function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const tail = Math.ceil((most - 1) * 0.6);
  return `${text.slice(0, most - 1 - tail)}…${text.slice(-tail)}`;
}

/** "1 connection", "2 connections". */
export function plural(count: number, one: string, many = `${one}s`): string {
  return `${countText(count)} ${count === 1 ? one : many}`;
}
