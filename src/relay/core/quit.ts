/** "QUIT" in lower case. */
const quit = { q: 0x71, u: 0x75, i: 0x69, t: 0x74 } as const;
const lowerCase = 0x20;

/**
 * Whether what a client sends ends in the command QUIT, after which the server closes. Seldom looks further than one byte.
 *
 * @param from where in the bytes begins what was sent
 * @param to where it ends
 */
export function endsInQuit(bytes: Uint8Array, from: number, to: number): boolean {
  return (
    isLetter(bytes, to - 3, quit.t) &&
    isLetter(bytes, to - 4, quit.i) &&
    isLetter(bytes, to - 5, quit.u) &&
    isLetter(bytes, to - 6, quit.q) &&
    to - from >= 6
  );
}

function isLetter(bytes: Uint8Array, at: number, letter: number): boolean {
  return ((bytes[at] ?? 0) | lowerCase) === letter;
}
