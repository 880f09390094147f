import { eventually, patienceMs } from '../../../support/index.ts';
import type { Syscalls } from '../../../../src/os/syscalls.ts';
import { stalled } from '../../suite/stalled.ts';

/** What lies where in the memory that a test shares with a thread. */
const cells = {
  /** Between what the ring has received and the look at the epoll set. */
  beforeLook: 0,
  /** Between that look and what is done about it. */
  afterLook: 1,
  /** How many beats the thread is to believe that there have been. */
  beats: 2,
  /** How often it has entered the ring. */
  entered: 3,
} as const;
const states = { open: 0, shut: 1, reached: 2 } as const;

type Gate = 'beforeLook' | 'afterLook';

/** System calls of a thread that stands where a test wants it to. Nothing wakes it but what the test does: it has no beats. */
export function gated(sys: Syscalls, memory: Int32Array): Partial<Syscalls> {
  function pass(gate: number): void {
    if (Atomics.compareExchange(memory, gate, states.shut, states.reached) === states.shut)
      Atomics.wait(memory, gate, states.reached, 2 * patienceMs);
  }
  return {
    timer: () => sys.epollCreate(), // an empty set has never anything to tell
    expirations: () => Atomics.exchange(memory, cells.beats, 0),
    ringEnter(...call) {
      Atomics.add(memory, cells.entered, 1);
      return sys.ringEnter(...call);
    },
    epollWait(...call) {
      pass(cells.beforeLook);
      const count = sys.epollWait(...call);
      pass(cells.afterLook);
      return count;
    },
  };
}

/** The test's end of it. */
export class Gates {
  readonly memory = new Int32Array(new SharedArrayBuffer(4 * Int32Array.BYTES_PER_ELEMENT));

  /** Has the thread stand at a gate once it has heard of what is done now. It must be in the ring, and have nothing to do. */
  async standAt(gate: Gate, does: () => void): Promise<void> {
    await stalled(() => Atomics.load(this.memory, cells.entered));
    Atomics.store(this.memory, cells[gate], states.shut);
    does();
    await eventually(() => Atomics.load(this.memory, cells[gate]) === states.reached, { everyMs: 2 });
  }

  /** It believes that it stood still for so many beats. */
  missBeats(count: number): void {
    Atomics.store(this.memory, cells.beats, count);
  }

  open(): void {
    for (const gate of [cells.beforeLook, cells.afterLook]) {
      Atomics.store(this.memory, gate, states.open);
      Atomics.notify(this.memory, gate);
    }
  }
}
