import { printableJson } from '../printable.ts';

const longestShown = 60;

/** A value in few words: quoted, cut, and with nothing in it that a terminal would obey. */
export function show(value: unknown): string {
  if (value === null) return 'nothing';
  if (Array.isArray(value)) return value.length === 0 ? 'an empty list' : 'a list';
  if (typeof value === 'object') return 'a mapping';
  if (typeof value !== 'string')
    return typeof value === 'symbol' ? 'a symbol' : `${value as number | boolean}`;
  const text = value.length > longestShown ? `${value.slice(0, longestShown)}…` : value;
  return printableJson(text);
}
