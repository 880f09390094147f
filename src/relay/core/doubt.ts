import { doubtWords, type DoubtWord } from './engine.ts';

const minus = 0x2d;
const heads: readonly (readonly [DoubtWord, Uint8Array])[] = doubtWords.map((word) => [
  word,
  new TextEncoder().encode(`-${word}`),
]);

/**
 * The doubtful word that a chunk from a server begins with. Only the head of a chunk is looked at: an answer to one
 * waited-for command stands there, and payload is never parsed. What is seen is a hint, never a fact.
 */
export function doubtWordAt(chunk: Uint8Array): DoubtWord | undefined {
  if (chunk[0] !== minus) return undefined;
  return heads.find(([, head]) => head.every((byte, at) => chunk[at] === byte))?.[0];
}
