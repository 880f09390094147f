import { suspectWords, type SuspectWord } from './flow.ts';

const minus = 0x2d;
const heads: readonly (readonly [SuspectWord, Uint8Array])[] = suspectWords.map((word) => [
  word,
  new TextEncoder().encode(`-${word}`),
]);

/**
 * The word that makes a server suspect, where bytes from it begin with one. Only their head is looked at: the reply
 * that a client waits for begins there, and payload is never parsed. The word is a hint, never a fact.
 */
export function suspectWordAt(bytes: Uint8Array, start: number, end: number): SuspectWord | undefined {
  if (bytes[start] !== minus) return undefined;
  return heads.find(
    ([, head]) => end - start >= head.length && head.every((byte, at) => bytes[start + at] === byte),
  )?.[0];
}
