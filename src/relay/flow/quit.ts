/** "QUIT" in lower case. */
const quit = { q: 0x71, u: 0x75, i: 0x69, t: 0x74 } as const;
const lowerCase = 0x20;

/** Whether what a client sends ends in the command QUIT, after which the server closes. Rarely looks further than one byte. */
export function endsInQuit(bytes: Uint8Array, start: number, end: number): boolean {
  return (
    isLetter(bytes, end - 3, quit.t) &&
    isLetter(bytes, end - 4, quit.i) &&
    isLetter(bytes, end - 5, quit.u) &&
    isLetter(bytes, end - 6, quit.q) &&
    end - start >= 6
  );
}

function isLetter(bytes: Uint8Array, at: number, letter: number): boolean {
  return ((bytes[at] ?? 0) | lowerCase) === letter;
}
