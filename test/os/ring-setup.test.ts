import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { RingMemory } from '../../src/os/ring-setup.ts';
import { openKernel, type Kernel, type Mapped } from '../../src/os/syscalls.ts';
import { hasRing } from '../relay/io/epoll/engines.ts';

const ENOMEM = -12;
const room = { buffers: 4, bufferBytes: 4096, connections: 2 } as const;
/** The kernel's ring, its requests, the buffers and the list of the free ones; then the list is registered. */
const maps = 4;

const skip = !(await hasRing()) && 'there is no io_uring here, or it is forbidden';

describe('the set-up of a ring', { skip }, () => {
  for (let step = 1; step <= maps + 1; step += 1)
    it(`gives back what it has taken when step ${String(step)} of ${String(maps + 1)} fails`, async () => {
      const { kernel, count } = await failingAt(step);
      assert.throws(() => new RingMemory(kernel, room, 8, 0), /failed with ENOMEM$/);
      assert.deepEqual(count(), { taken: step, left: 0 });
    });

  it('gives all of it back when it is closed', async () => {
    const { kernel, count } = await failingAt(Infinity);
    const memory = new RingMemory(kernel, room, 8, 0);
    assert.deepEqual(count(), { taken: maps + 1, left: maps + 1 });
    memory.close();
    assert.deepEqual(count(), { taken: maps + 1, left: 0 });
  });
});

interface Counted {
  readonly kernel: Kernel;
  /** How much was taken from the kernel, and how much of it has not been given back. */
  readonly count: () => { taken: number; left: number };
}

/** A kernel that fails at one step: the first ones are to map, the last is to register. */
async function failingAt(step: number): Promise<Counted> {
  const open = await openKernel();
  const { sys: real } = open;
  const mapped = new Set<Mapped>();
  const descriptors = new Set<number>();
  let taken = 0;
  let steps = 0;
  const sys: Kernel['sys'] = {
    ...real,
    ringSetup(entries, params) {
      const fd = real.ringSetup(entries, params);
      descriptors.add(fd);
      taken += 1;
      return fd;
    },
    map(size, fd, offset) {
      steps += 1;
      if (steps === step) return ENOMEM;
      const memory = real.map(size, fd, offset);
      if (typeof memory === 'number') return memory;
      mapped.add(memory);
      taken += 1;
      return memory;
    },
    ringRegister(ring, operation, argument) {
      steps += 1;
      return steps === step ? ENOMEM : real.ringRegister(ring, operation, argument);
    },
    unmap(memory) {
      assert.ok(mapped.delete(memory), 'unmapped once, and only what was mapped');
      real.unmap(memory);
    },
    close(fd) {
      assert.ok(descriptors.delete(fd), 'closed once, and only what was opened');
      return real.close(fd);
    },
  };
  return { kernel: { ...open, sys }, count: () => ({ taken, left: mapped.size + descriptors.size }) };
}
