/** "QUIT" in lower case. */
const quit = { q: 0x71, u: 0x75, i: 0x69, t: 0x74 } as const;
const lowerCase = 0x20;

/**
 * Whether what a client sends ends in the command QUIT, after which the server closes. Seldom looks further than one byte.
 *
 * @param length how many of the bytes are what was sent
 */
export function endsInQuit(bytes: Uint8Array, length: number): boolean {
  return (
    isLetter(bytes, length - 3, quit.t) &&
    isLetter(bytes, length - 4, quit.i) &&
    isLetter(bytes, length - 5, quit.u) &&
    isLetter(bytes, length - 6, quit.q)
  );
}

function isLetter(bytes: Uint8Array, at: number, letter: number): boolean {
  return ((bytes[at] ?? 0) | lowerCase) === letter;
}
