import type { Cause } from './round.ts';

export type Key = { readonly kind: 'failover'; readonly cause: Cause } | { readonly kind: 'stop' };

export const keysHelp = 'f  failover now    k  kill -9 the master    q  stop';

/**
 * Reads single keys. In raw mode Ctrl-C is a key like any other, so that the servers, which belong to the same
 * terminal, do not get a SIGINT of their own before we have closed them.
 *
 * @returns what gives the terminal back
 */
export function listenToKeys(input: NodeJS.ReadStream, tell: (key: Key) => void): () => void {
  const onData = (data: Buffer): void => {
    for (const character of data.toString('latin1')) {
      const key = keyOf(character);
      if (key) tell(key);
    }
  };
  input.setRawMode(true);
  input.on('data', onData);
  return () => {
    input.off('data', onData);
    input.setRawMode(false);
    input.pause();
  };
}

function keyOf(character: string): Key | undefined {
  switch (character) {
    case 'f':
    case ' ':
    case '\r':
      return { kind: 'failover', cause: 'planned' };
    case 'k':
      return { kind: 'failover', cause: 'crash' };
    case 'q':
    case '\x03': // Ctrl-C
    case '\x04': // Ctrl-D
      return { kind: 'stop' };
    default:
      return undefined;
  }
}
