/**
 * A thread of the epoll engine with faults between it and the kernel. `workerData.data` says which.
 * Only what a kernel really does is played: an edge is never swallowed, for the engine is right to rely on edges.
 */
import { workerData } from 'node:worker_threads';
import { portOfThread, runThread } from '../../src/relay/epoll/thread.ts';
import { openKernel, type Kernel, type Syscalls } from '../../src/relay/epoll/syscalls.ts';

const EINTR = -4;
const EMFILE = -24;
const ECONNABORTED = -103;

const faults: Record<string, (sys: Syscalls) => Partial<Syscalls>> = {
  /** Every kind of call is interrupted now and then, and writes take less than they are given. */
  stutter(sys) {
    const isInterrupted = every(3);
    const isShort = every(2);
    const isAborted = every(2);
    return {
      epollWait: (epoll, events, timeoutMs) =>
        isInterrupted() ? EINTR : sys.epollWait(epoll, events, timeoutMs),
      recv: (fd, buffer, limit) => (isInterrupted() ? EINTR : sys.recv(fd, buffer, limit)),
      send(fd, buffer, length) {
        if (isInterrupted()) return EINTR;
        return sys.send(fd, buffer, isShort() ? Math.ceil(length / 3) : length);
      },
      sendRest(fd, bytes, from) {
        if (isInterrupted()) return EINTR;
        const end = isShort() ? from + Math.ceil((bytes.length - from) / 3) : bytes.length;
        return sys.sendRest(fd, bytes.subarray(0, end), from);
      },
      accept(fd) {
        if (isInterrupted()) return EINTR;
        return isAborted() ? ECONNABORTED : sys.accept(fd);
      },
      acceptFrom(fd, peer) {
        if (isInterrupted()) return EINTR;
        return isAborted() ? ECONNABORTED : sys.acceptFrom(fd, peer);
      },
    };
  },
  /** The first descriptors that are asked for are not to be had. */
  starve(sys) {
    let accepts = 3;
    let sockets = 2;
    return {
      accept: (fd) => (accepts-- > 0 ? EMFILE : sys.accept(fd)),
      socket: (family) => (sockets-- > 0 ? EMFILE : sys.socket(family)),
    };
  },
  /** A defect: the third read throws. */
  break(sys) {
    let reads = 0;
    return {
      recv(fd, buffer, limit) {
        reads += 1;
        if (reads === 3) throw new Error('A defect made for a test');
        return sys.recv(fd, buffer, limit);
      },
    };
  },
  /** The kernel does not let epoll be used. */
  forbid: () => ({ epollCreate: () => -1 }),
};

function every(times: number): () => boolean {
  let count = 0;
  return () => {
    count += 1;
    return count % times === 0;
  };
}

async function faulty(): Promise<Kernel> {
  const kernel = await openKernel();
  const { data } = workerData as { readonly data: string };
  return { ...kernel, sys: { ...kernel.sys, ...faults[data]?.(kernel.sys) } };
}

await runThread(portOfThread(workerData), faulty);
