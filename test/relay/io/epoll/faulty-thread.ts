/**
 * A thread of the epoll engine with faults between it and the kernel: `workerData.data` is a `FaultyThreadData`.
 * Only what a kernel really does is played: an edge is never swallowed, for the engine is right to rely on edges.
 */
import { workerData } from 'node:worker_threads';
import { portOfThread, runThread } from '../../../../src/relay/epoll-thread.ts';
import { openKernel, type Kernel, type Syscalls } from '../../../../src/os/syscalls.ts';
import { audited } from './ring-audit.ts';
import { roomy, tight } from './ring-sizes.ts';

/** What such a thread is given. */
export interface FaultyThreadData {
  readonly faults: string;
  /** Where it counts how often it reads from a socket by a call of its own, and not through a ring. */
  readonly reads?: Int32Array | undefined;
  /** Where it counts, in the end, the buffers of its ring: see `ring-audit.ts`. */
  readonly tally?: Int32Array | undefined;
}

const EINTR = -4;
const ENOMEM = -12;
const SOL_SOCKET = 1;
const SO_SNDBUF = 7;
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
      send(fd, buffer, start, length) {
        if (isInterrupted()) return EINTR;
        return sys.send(fd, buffer, start, isShort() ? Math.ceil(length / 3) : length);
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
  /** Sockets take little at a time, so sends through the ring are cut short by the kernel itself; calls are interrupted. */
  cramp(sys) {
    const isInterrupted = every(3);
    return {
      epollWait: (epoll, events, timeoutMs) =>
        isInterrupted() ? EINTR : sys.epollWait(epoll, events, timeoutMs),
      ringEnter: (ring, submit, atLeast, waitMs) =>
        isInterrupted() ? EINTR : sys.ringEnter(ring, submit, atLeast, waitMs),
      accept: (fd) => cramped(sys, sys.accept(fd)),
      socket: (family) => cramped(sys, sys.socket(family)),
    };
  },
  /** A session that leaves the ring cannot be watched any more: now and then there is no memory for it. */
  forget(sys) {
    const left = new Set<number>();
    return {
      epollRemove(epoll, fd) {
        left.add(fd);
        return sys.epollRemove(epoll, fd);
      },
      epollAdd: (epoll, fd, events, tag) => (left.delete(fd) ? ENOMEM : sys.epollAdd(epoll, fd, events, tag)),
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
  /** Reading from a socket is a defect after the first few times: everything else has to come through the ring. */
  ringOnly(sys) {
    let reads = 0;
    return {
      recv(fd, buffer, limit) {
        reads += 1;
        if (reads > 8) throw new Error('A socket was read from outside the ring');
        return sys.recv(fd, buffer, limit);
      },
    };
  },
  /** The kernel does not let epoll be used. */
  forbid: () => ({ epollCreate: () => -1 }),
  /** No timer is to be had: the last that a loop asks for. */
  noTimer: () => ({ timer: () => EMFILE }),
  /** The kernel does not let a thread have a ring. */
  forbidRing: () => ({ ringSetup: () => -1 }),
  /** Nor memory for one. */
  noRingMemory: () => ({ map: () => ENOMEM }),
};

/** The smallest buffer that there is (socket(7)). */
function cramped(sys: Syscalls, fd: number): number {
  if (fd >= 0) sys.setOption(fd, SOL_SOCKET, SO_SNDBUF, 1);
  return fd;
}

function every(times: number): () => boolean {
  let count = 0;
  return () => {
    count += 1;
    return count % times === 0;
  };
}

async function faulty(): Promise<Kernel> {
  const kernel = await openKernel();
  const counting = data.tally && audited(kernel, data.tally);
  const sys = { ...kernel.sys, ...counting, ...faults[data.faults]?.(kernel.sys) };
  const { recv } = sys;
  if (data.reads)
    sys.recv = (...call) => {
      if (data.reads) Atomics.add(data.reads, 0, 1);
      return recv(...call);
    };
  return { ...kernel, sys };
}

const { data } = workerData as { readonly data: FaultyThreadData };
await runThread(portOfThread(workerData), faulty, data.faults === 'roomy' ? roomy : tight);
