/** A thread of the io_uring engine that a test makes stand still in the midst of a turn: see `gates.ts`. */
import { workerData } from 'node:worker_threads';
import { portOfThread, runThread } from '../../../../src/relay/epoll-thread.ts';
import { openKernel, type Kernel } from '../../../../src/os/syscalls.ts';
import { gated } from './gates.ts';
import { tight } from './ring-sizes.ts';

const { data: memory } = workerData as { readonly data: Int32Array };

async function open(): Promise<Kernel> {
  const kernel = await openKernel();
  return { ...kernel, sys: { ...kernel.sys, ...gated(kernel.sys, memory) } };
}

await runThread(portOfThread(workerData), open, tight);
