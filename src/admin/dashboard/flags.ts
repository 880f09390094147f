import type { ReachedMilestone } from '../../tunnel/failover-record.ts';
import { msText } from './format.ts';

/** A milestone with the place of its word above the lanes. Its pole goes from its row down to the axis. */
export interface Flag extends ReachedMilestone {
  readonly text: string;
  readonly x: number;
  /** From the top; a word in a lower row is not crossed by a pole that begins below it. */
  readonly row: number;
  /** On which side of its pole the word stands. */
  readonly isLeft: boolean;
  /** Where its word begins and ends. */
  readonly from: number;
  readonly to: number;
}

/** Of a character of the bold font of 12.5 units, as wide as the widest usual one. */
const characterWidth = 7.4;
/** Between a pole and its word. */
const margin = 5;

/**
 * Gives each milestone a side and a row, so that no word covers another one and no pole runs through a word: whoever's
 * pole stands where a word is gets a lower row than that word. Pure.
 *
 * @param steps in the order of their time
 * @param scale where a time stands, in the same units as `width`
 */
export function flagsOf(
  steps: readonly ReachedMilestone[],
  scale: (ms: number) => number,
  width: number,
): { readonly flags: readonly Flag[]; readonly rows: number } {
  const sized = steps.map((step) => {
    const text = `${step.name} ${msText(step.ms)}`;
    const length = text.length * characterWidth + margin;
    return { ...step, text, x: scale(step.ms), length };
  });
  const isLeft = sized.map(({ x, length }) => x + length > width);
  for (const [index, { x, length }] of [...sized.entries()].toReversed()) {
    // Two that stand in each other's way look away from each other.
    const isMutual = sized.some(
      (other, at) => at > index && isLeft[at] === true && other.x < x + length && other.x - other.length < x,
    );
    if (isMutual && x - length >= 0) isLeft[index] = true;
  }
  const words = sized.map(({ length, ...step }, index) => {
    const left = isLeft[index] ?? false;
    return {
      ...step,
      isLeft: left,
      from: left ? step.x - length : step.x,
      to: left ? step.x : step.x + length,
    };
  });
  const placed: (Flag | undefined)[] = words.map(() => undefined);
  while (placed.includes(undefined)) {
    // Next is whoever stands in no word that has no row yet; where each stands in another's, the first.
    const isFree = (index: number): boolean =>
      placed[index] === undefined &&
      words.every(
        (word, at) => at === index || placed[at] !== undefined || !isCrossed(word, words[index]?.x ?? 0),
      );
    const open = words.findIndex((_, index) => isFree(index));
    const next = open < 0 ? placed.indexOf(undefined) : open;
    const word = words[next];
    if (!word) break;
    const above = placed.filter((flag) => flag !== undefined && isCrossed(flag, word.x));
    let row = Math.max(0, ...above.map((flag) => (flag?.row ?? 0) + 1));
    const collides = (flag: Flag | undefined): boolean =>
      flag?.row === row && flag.from < word.to && word.from < flag.to;
    while (placed.some(collides)) row += 1;
    placed[next] = { ...word, row };
  }
  const flags = placed.filter((flag) => flag !== undefined);
  return { flags, rows: Math.max(1, ...flags.map(({ row }) => row + 1)) };
}

/** Whether a pole at `x` would run through a word, if it began above it. */
export function isCrossed({ from, to }: { readonly from: number; readonly to: number }, x: number): boolean {
  return x > from + 1 && x < to - 1;
}
