import type { StandardOutput } from '../telemetry/open-log.ts';

/** The process as a command sees it. Tests may pass their own. */
export interface Host {
  readonly env: Readonly<Record<string, string | undefined>>;
  readonly stdout: StandardOutput & { readonly columns: number };
  readonly stderr: { write(text: string): void };
  /** @returns what stops listening */
  onSignal(signal: Signal, then: () => void): () => void;
}

export type Signal = 'SIGTERM' | 'SIGINT' | 'SIGHUP';

export function hostOf(self: NodeJS.Process): Host {
  const { stdout, stderr, env } = self;
  // Whoever reads our output may leave; that must end neither a tunnel nor a `--help | head`.
  stdout.on('error', () => undefined);
  stderr.on('error', () => undefined);
  const isTerminal = stdout.isTTY;
  return {
    env,
    stdout: {
      write: (text) => void stdout.write(text),
      isTerminal,
      // https://no-color.org: present and not empty.
      isColoured: isTerminal && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
      columns: isTerminal ? stdout.columns : 100,
    },
    stderr: { write: (text) => void stderr.write(text) },
    onSignal: (signal, then) => {
      self.on(signal, then);
      return () => {
        self.off(signal, then);
      };
    },
  };
}
