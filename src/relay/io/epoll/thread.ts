import { MessagePort, receiveMessageOnPort } from 'node:worker_threads';
import { messageOf } from '../../../errors.ts';
import { Door } from './door.ts';
import { Loop } from './loop.ts';
import type { Answer, Command } from './messages.ts';
import type { Quiescence } from '../../core/engine.ts';
import { Lag } from '../../core/lag.ts';
import { Resolver } from './resolver.ts';
import { Ring, type RingSizes } from './ring.ts';
import type { Stood } from '../../core/stood.ts';
import { Steersman } from './steersman.ts';
import { openKernel, type Kernel } from './syscalls.ts';

/** 256 receipts of up to 8 KiB between two calls; memory is touched as far as messages are long. */
const ringSizes: RingSizes = {
  buffers: 256,
  bufferBytes: 8192,
  sockets: 8192,
  shortReplies: 8,
  busyTurn: 3,
  shortRepliesAgain: 64,
};

/**
 * Should the main thread run, but not come to an end with the Sentinels, a thread goes on by itself after this, in
 * milliseconds.
 */
const mostStallMs = 2_000;

/**
 * What a thread is given: where commands come from, the memory by which it is released after a standstill, and the
 * memory in which it counts how late it is.
 */
export interface ThreadPort {
  readonly port: MessagePort;
  readonly release: Int32Array;
  /** Counts the beats of the main thread. */
  readonly steered: Int32Array;
  readonly late: Float64Array;
  /** Whether it is to carry what is short through an io_uring. */
  readonly usesRing: boolean;
}

/**
 * The life of one thread of the engine. It blocks in `epoll_wait`, which also watches this thread's own event loop:
 * when that has something to do (a command, the end of the process), the loop of descriptors
 * returns to it and comes back. So nothing polls, and a command is carried out as soon as it wakes the thread.
 *
 * @param open where system calls come from; tests put faults in between
 * @param sizes of its ring, where it uses one
 */
export async function runThread(
  { port, release, steered, late, usesRing }: ThreadPort,
  open: () => Promise<Kernel> = openKernel,
  sizes: RingSizes = ringSizes,
): Promise<void> {
  function answer(message: Answer): void {
    port.postMessage(message);
  }
  let loop: Loop;
  let ring: Ring | undefined;
  try {
    const kernel = await open();
    ring = usesRing ? Ring.open(kernel, sizes) : undefined;
    const steersman = new Steersman(steered);
    const isUnsteered = (): boolean => steersman.isSilent();
    const catchUp = (stood: Stood): void => {
      awaitRelease(stood, steersman);
    };
    loop = new Loop(kernel, { command: carryOutAll, isUnsteered, catchUp, lag: new Lag(late), ring });
  } catch (error) {
    ring?.close();
    answer({ kind: 'unavailable', reason: messageOf(error) });
    port.close();
    return;
  }
  const resolver = new Resolver((host) => {
    answer({ kind: 'look-up', host });
  });
  const doors = new Map<number, Door>();
  let isStopping = false;

  function carryOut(command: Command): void {
    switch (command.kind) {
      case 'open':
        doors.set(
          command.tunnel,
          new Door(loop, resolver, command, {
            told(events) {
              answer({ kind: 'told', tunnel: command.tunnel, events });
            },
            drained() {
              answer({ kind: 'drained', tunnel: command.tunnel });
            },
          }),
        );
        return;
      case 'listen':
        doors.get(command.tunnel)?.listen(command.listener);
        return;
      case 'unlisten':
        doors.get(command.tunnel)?.unlisten(command.fd);
        loop.settle(); // gives the descriptor back
        answer({ kind: 'unlistened', tunnel: command.tunnel, fd: command.fd });
        return;
      case 'adjust':
        doors.get(command.tunnel)?.adjust(command.limits);
        return;
      case 'steer':
        doors.get(command.tunnel)?.steer(command.route);
        return;
      case 'reassure':
        doors.get(command.tunnel)?.reassure(command.sessions);
        return;
      case 'evict': {
        const count = doors.get(command.tunnel)?.evict() ?? 0;
        answer({ kind: 'evicted', tunnel: command.tunnel, count });
        return;
      }
      case 'quiesce': {
        const { tunnel, withinMs } = command;
        const quiet = (quiescence: Quiescence): void => {
          answer({ kind: 'quiet', tunnel, quiescence });
        };
        const door = doors.get(tunnel);
        if (door) door.quiesce(withinMs, quiet);
        else quiet({ resting: 0, busy: 0 });
        return;
      }
      case 'drain':
        doors.get(command.tunnel)?.drain();
        answer({ kind: 'left', tunnel: command.tunnel });
        return;
      case 'close': {
        const door = doors.get(command.tunnel);
        if (!door) return;
        doors.delete(command.tunnel);
        door.close();
        loop.settle();
        loop.doors.delete(door);
        answer({ kind: 'closed', tunnel: command.tunnel });
        return;
      }
      case 'own':
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

  /** A message wakes the thread; that it is taken out here, and not in the event that follows, saves a turn. */
  function carryOutAll(): void {
    for (;;) {
      const received = receiveMessageOnPort(port) as { readonly message: Command } | undefined;
      if (!received) return;
      carryOut(received.message);
    }
  }

  /**
   * Waits for the main thread, which is to hear the Sentinels first. What it asks for meanwhile lies in the port then. While it is
   * silent itself nobody hears them, and there is no end to this.
   */
  function awaitRelease(stood: Stood, steersman: Steersman): void {
    const before = Atomics.load(release, 0);
    answer({ kind: 'stalled', stood });
    while (Atomics.wait(release, 0, before, mostStallMs) === 'timed-out' && steersman.isSilent());
    steersman.heard();
  }

  port.on('message', (command: Command) => {
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
    'steered' in workerData &&
    'late' in workerData &&
    'usesRing' in workerData
  ) {
    const { port, release, steered, late, usesRing } = workerData;
    if (
      port instanceof MessagePort &&
      release instanceof Int32Array &&
      steered instanceof Int32Array &&
      late instanceof Float64Array &&
      typeof usesRing === 'boolean'
    )
      return { port, release, steered, late, usesRing };
  }
  throw new Error('This module is run by the epoll engine as a thread of it');
}
