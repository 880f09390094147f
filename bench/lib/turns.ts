/** Another one goes first in each round, so none always follows the same one. */
export function rotate<T>(list: readonly T[], round: number): T[] {
  const at = round % Math.max(1, list.length);
  return [...list.slice(at), ...list.slice(0, at)];
}

/**
 * The order of one round, reversed in the next: neighbours stay neighbours, and each of two goes first in half of the rounds.
 * A machine that becomes slower meanwhile hits both.
 */
export function alternate<T>(list: readonly T[], round: number): T[] {
  return round % 2 === 0 ? [...list] : list.toReversed();
}
