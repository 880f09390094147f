/** A terminal with a keyboard and a screen. */
export interface Terminal {
  size(): { readonly columns: number; readonly rows: number };
  /**
   * Takes the whole screen and every key. What was there is there again afterwards, however the process ends (but for
   * SIGKILL).
   *
   * @returns what gives it back; once is enough
   */
  takeOver(pressed: (keys: string) => void, resized: () => void): () => void;
}

/** The other screen and no cursor, and back (xterm's private modes 1049 and 25, which every terminal has taken over). */
const enter = '\u001b[?1049h\u001b[?25l';
const leave = '\u001b[?25h\u001b[?1049l';

/** The terminal of a process whose input and output are one. */
export function terminalOf(self: NodeJS.Process): Terminal {
  const { stdin, stdout } = self;
  return {
    // A terminal that nobody has told its size says 0.
    size: () => ({ columns: stdout.columns || 80, rows: stdout.rows || 24 }),
    takeOver: (pressed, resized) => {
      const hear = (chunk: Buffer): void => {
        pressed(chunk.toString());
      };
      let isTaken = true;
      const giveBack = (): void => {
        if (!isTaken) return;
        isTaken = false;
        stdin.off('data', hear);
        stdout.off('resize', resized);
        self.off('exit', giveBack);
        self.off('uncaughtExceptionMonitor', giveBack);
        if (stdin.isTTY) stdin.setRawMode(false);
        stdin.pause();
        stdout.write(leave);
      };
      // Before a defect is printed, so that it is seen, and at the latest when the process ends.
      self.on('uncaughtExceptionMonitor', giveBack);
      self.on('exit', giveBack);
      stdin.setRawMode(true);
      stdin.on('data', hear);
      stdin.resume();
      stdout.on('resize', resized);
      stdout.write(enter);
      return giveBack;
    },
  };
}
