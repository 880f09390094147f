import { clock } from '../../telemetry/local-time.ts';
import { roundMs } from '../../tunnel/failover-record.ts';
import { bytes, grouped } from '../wording.ts';

/** Numbers and times as the dashboard shows them. Pure, so that tests need no browser. */

/** A rate in bytes per second, with three digits: "1.25 MB/s". */
export function rateText(bytesPerSecond: number | undefined): string {
  return bytesPerSecond === undefined ? '–' : `${bytes(bytesPerSecond)}/s`;
}

/** A count, or a dash where there is none. */
export function countText(many: number | null | undefined): string {
  return many === undefined || many === null ? '–' : grouped(many);
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
export function clockText(iso: string): string {
  return clock(iso, new Date());
}

/** @returns at most `most` characters, without the middle, because both ends of an address matter */
export function shortened(text: string, most: number): string {
  if (text.length <= most) return text;
  const tail = Math.ceil((most - 1) * 0.6);
  return `${text.slice(0, most - 1 - tail)}…${text.slice(-tail)}`;
}
