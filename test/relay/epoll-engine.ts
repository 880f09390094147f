import { EpollEngine } from '../../src/relay/epoll/engine.ts';
import type { Engine } from '../../src/relay/engine.ts';

export function openEngine(): Promise<Engine> {
  return EpollEngine.start({ threads: 1, fatal });
}

/** A thread that ends by itself fails whatever test is running: nobody catches this. */
export function fatal(error: Error): never {
  throw error;
}
