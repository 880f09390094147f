import type { EngineUnderTest } from './suite/rig.ts';
import { EpollEngine } from '../../src/relay/epoll/engine.ts';
import type { Engine } from '../../src/relay/engine.ts';

export function openEngine(): Promise<Engine> {
  return EpollEngine.start({ threads: 1, fatal });
}

/** A thread that ends by itself fails whatever test is running: nobody catches this. */
export function fatal(error: Error): never {
  throw error;
}

/** The engine with faults between it and the kernel: see `epoll-faulty-thread.ts`. */
export function withFaults(faults: string, onFatal: (error: Error) => void = fatal): EngineUnderTest {
  const thread = { module: new URL('./epoll-faulty-thread.js', import.meta.url), data: faults };
  return {
    name: 'epoll',
    openEngine: () => EpollEngine.start({ threads: 1, fatal: onFatal, thread }),
    module: '',
  };
}
