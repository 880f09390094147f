import { platform } from 'node:os';
import type { FaultyThreadData } from './faulty-thread.ts';
import type { EngineUnderTest } from '../../suite/rig.ts';
import { EpollEngine } from '../../../../src/relay/epoll-engine.ts';
import { checkRing } from '../../../../src/os/ring-check.ts';
import { openKernel } from '../../../../src/os/syscalls.ts';
import type { Engine } from '../../../../src/relay/core/engine.ts';

export function openEngine(): Promise<Engine> {
  return EpollEngine.start({ threads: 1, fatal });
}

/** Whether the kernel lets this process use io_uring: a container may not. */
export async function hasRing(): Promise<boolean> {
  if (platform() !== 'linux') return false;
  try {
    checkRing(await openKernel());
    return true;
  } catch {
    return false;
  }
}

/** A thread that ends by itself fails whatever test is running: nobody catches this. */
export function fatal(error: Error): never {
  throw error;
}

/**
 * The engine with faults between it and the kernel: see `epoll-faulty-thread.ts`.
 */
export function withFaults(
  faults: string,
  onFatal: (error: Error) => void = fatal,
  name: 'io_uring' | 'epoll' = 'epoll',
  { threads = 1, ...counted }: { readonly threads?: number } & Omit<FaultyThreadData, 'faults'> = {},
): EngineUnderTest {
  const data: FaultyThreadData = { faults, ...counted };
  const thread = { module: new URL('./faulty-thread.js', import.meta.url), data };
  return {
    name,
    openEngine: () => EpollEngine.start({ threads, usesRing: name === 'io_uring', fatal: onFatal, thread }),
    module: '',
  };
}
