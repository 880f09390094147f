import { printableJson } from '../printable.ts';

/** Where in a configuration: `['databases', 1, 'listen']`. */
export type Path = readonly (string | number)[];

/** One thing that is wrong: where, and a sentence that goes after the place. */
export interface Problem {
  readonly path: Path;
  readonly text: string;
}

/** `databases[1].listen`: how a place is printed. Keys that are no plain words are quoted. */
export function formatPath(path: Path): string {
  let text = '';
  for (const step of path) {
    if (typeof step === 'number') text += `[${String(step)}]`;
    else if (/^[\w-]+$/.test(step)) text += text === '' ? step : `.${step}`;
    else text += `[${JSON.stringify(step)}]`;
  }
  return text;
}

/**
 * `expected X, got Y`, or `missing, expected X`.
 *
 * @param got what is there, as `show` prints it; `undefined` where nothing is
 */
export function expected(wanted: string, got: string | undefined): string {
  return got === undefined ? `missing, expected ${wanted}` : `expected ${wanted}, got ${got}`;
}

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

/**
 * The word that was probably meant: the nearest by edit distance, if no more than a third of the letters differ.
 *
 * @returns the word, or `undefined` where none is near
 */
export function closest(text: string, words: readonly string[]): string | undefined {
  let best: string | undefined;
  let bestDistance = Math.max(1, Math.floor(text.length / 3)) + 1;
  for (const word of words) {
    if (Math.abs(word.length - text.length) >= bestDistance) continue;
    const distance = editDistance(text.toLowerCase(), word.toLowerCase());
    if (distance < bestDistance) [best, bestDistance] = [word, distance];
  }
  return best;
}

/** Letters to insert, drop, change or swap with their neighbour to make one text of the other. */
function editDistance(from: string, to: string): number {
  let before: number[] = [];
  let row = Array.from({ length: to.length + 1 }, (_, column) => column);
  for (let line = 1; line <= from.length; line += 1) {
    const next = [line];
    for (let column = 1; column <= to.length; column += 1) {
      const isSame = from[line - 1] === to[column - 1];
      const isSwapped = from[line - 1] === to[column - 2] && from[line - 2] === to[column - 1];
      const ways = [
        at(row, column) + 1,
        at(next, column - 1) + 1,
        at(row, column - 1) + (isSame ? 0 : 1),
        isSwapped ? at(before, column - 2) + 1 : Infinity,
      ];
      next.push(Math.min(...ways));
    }
    [before, row] = [row, next];
  }
  return at(row, to.length);
}

function at(row: readonly number[], column: number): number {
  return row[column] ?? Infinity;
}
