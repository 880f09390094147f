import type { ReachedMilestone } from '../../tunnel/failover-record.ts';
import { msText } from './format.ts';

/** A milestone with the position of its label above the lanes. Its pole goes from its row down to the axis. */
export interface Flag extends ReachedMilestone {
  readonly text: string;
  readonly x: number;
  /** From the top. A pole that starts below a label does not cross it. */
  readonly row: number;
  /** Whether the label is left of its pole. */
  readonly isLeft: boolean;
  /** Where the label begins and ends. */
  readonly from: number;
  readonly to: number;
}

/** Width of a wide character of the bold font of 12.5 units. */
const characterWidth = 7.4;
/** Between a pole and its label. */
const margin = 5;

/**
 * Gives each milestone a side and a row, so that no label covers another one and no pole crosses a label: a milestone whose pole would
 * cross a label gets a lower row than that label.
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
    // Two labels that overlap go to opposite sides.
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
    // Next is the first milestone whose pole crosses no label without a row; if all do, the first milestone.
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

/** Whether a pole at `x` that starts above a label crosses it. */
export function isCrossed({ from, to }: { readonly from: number; readonly to: number }, x: number): boolean {
  return x > from + 1 && x < to - 1;
}
