import { MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { messageOf } from '../errors.ts';
import { Ring, type RingSizes } from '../os/ring.ts';
import { openKernel, type Kernel } from '../os/syscalls.ts';
import { Lag } from '../telemetry/lag.ts';
import type { ThreadAnswer, ThreadCommand } from './epoll-messages.ts';
import { ThreadTunnel } from './epoll-thread-tunnel.ts';
import type { Stalled } from '../lifecycle/stall.ts';
import { Loop } from './io/epoll/loop.ts';
import { MainThreadWatch } from './io/epoll/main-thread-watch.ts';
import { Resolver } from './io/epoll/resolver.ts';

/** 256 receipts of up to 8 KiB between two calls; memory is touched as far as messages are long. */
const ringSizes: RingSizes = {
  buffers: 256,
  bufferBytes: 8192,
  connections: 8192,
  shortReads: 8,
  busyIteration: 3,
  shortReadsAgain: 64,
};

/** If the main thread runs, but the Sentinels do not answer, a thread goes on by itself after this, in milliseconds. */
const longestStallMs = 2_000;

/** What a thread is given. */
export interface ThreadPort {
  /** Where commands come from. */
  readonly port: MessagePort;
  /** Changes when the thread is released after a stall. */
  readonly release: Int32Array;
  /** Counts the heartbeats of the main thread. */
  readonly heartbeats: Int32Array;
  /** Where the thread counts how late it is. */
  readonly lateness: Float64Array;
  /** Whether connections are to receive through an io_uring. */
  readonly usesRing: boolean;
}

/**
 * The life of one thread of the engine. It blocks in `epoll_wait`, which also watches this thread's own event loop: when that has
 * something to do (a command, the end of the process), the loop of descriptors returns to it and comes back. So nothing polls, and a
 * command is carried out as soon as it wakes the thread.
 *
 * @param open where system calls come from; tests put faults in between
 * @param sizes of its ring, where it uses one
 */
export async function runThread(
  { port, release, heartbeats, lateness, usesRing }: ThreadPort,
  open: () => Promise<Kernel> = openKernel,
  sizes: RingSizes = ringSizes,
): Promise<void> {
  function answer(message: ThreadAnswer): void {
    port.postMessage(message);
  }
  const mainThread = new MainThreadWatch(heartbeats);
  let loop: Loop;
  let ring: Ring | undefined;
  try {
    const kernel = await open();
    ring = usesRing ? new Ring(kernel, sizes) : undefined;
    loop = new Loop(kernel, {
      command: carryOutAll,
      isMainThreadSilent: () => mainThread.isSilent(),
      catchUp: awaitRelease,
      lag: new Lag(lateness),
      ring,
    });
  } catch (error) {
    ring?.close();
    answer({ kind: 'unavailable', reason: messageOf(error) });
    port.close();
    return;
  }
  const resolver = new Resolver((host) => {
    answer({ kind: 'look-up', host });
  });
  const tunnels = new Map<number, ThreadTunnel>();
  let isStopping = false;

  function carryOut(command: ThreadCommand): void {
    switch (command.kind) {
      case 'open': {
        const { tunnel } = command;
        const closed = (): void => {
          tunnels.delete(tunnel);
        };
        tunnels.set(tunnel, new ThreadTunnel(loop, resolver, command, answer, closed));
        return;
      }
      case 'tunnel':
        tunnels.get(command.tunnel)?.apply(command.command);
        return;
      case 'listen':
        tunnels.get(command.tunnel)?.listen(command.listener);
        return;
      case 'unlisten':
        tunnels.get(command.tunnel)?.unlisten(command.fd);
        return;
      case 'own-addresses':
        resolver.avoid(command.addresses);
        return;
      case 'looked-up':
        resolver.answered(command.host, command.found);
        return;
      case 'greet':
        answer({ kind: 'alive' });
        return;
      case 'stop':
        isStopping = true;
        return;
      default:
        command satisfies never;
    }
  }

  /** A message wakes the thread; that it is taken out here, and not in the event that follows, saves an iteration. */
  function carryOutAll(): void {
    for (;;) {
      const received = receiveMessageOnPort(port) as { readonly message: ThreadCommand } | undefined;
      if (!received) return;
      carryOut(received.message);
    }
  }

  /**
   * Waits for the main thread, which is to hear the Sentinels first. The commands of meanwhile lie in the port then. While the main
   * thread is silent nobody hears the Sentinels, and this does not end.
   */
  function awaitRelease(stalled: Stalled): void {
    const before = Atomics.load(release, 0);
    answer({ kind: 'stalled', stalled });
    while (Atomics.wait(release, 0, before, longestStallMs) === 'timed-out' && mainThread.isSilent());
    mainThread.heard();
  }

  function run(): void {
    // A throw here is a defect; no client may be left hanging on a descriptor that nobody serves any more.
    try {
      if (!isStopping) loop.run();
    } catch (error) {
      loop.closeAll();
      throw error;
    }
    if (!isStopping) setImmediate(run);
    else {
      loop.closeAll();
      port.close();
    }
  }

  port.on('message', (command: ThreadCommand) => {
    carryOut(command);
    loop.settle();
  });
  answer({ kind: 'ready' });
  setImmediate(run);
}

/** What the engine has put into a thread's data. */
export function portOfThread(workerData: unknown): ThreadPort {
  if (
    typeof workerData === 'object' &&
    workerData !== null &&
    'port' in workerData &&
    'release' in workerData &&
    'heartbeats' in workerData &&
    'lateness' in workerData &&
    'usesRing' in workerData
  ) {
    const { port, release, heartbeats, lateness, usesRing } = workerData;
    if (
      port instanceof MessagePort &&
      release instanceof Int32Array &&
      heartbeats instanceof Int32Array &&
      lateness instanceof Float64Array &&
      typeof usesRing === 'boolean'
    )
      return { port, release, heartbeats, lateness, usesRing };
  }
  throw new Error('This module is run by the epoll engine as a thread of it');
}
