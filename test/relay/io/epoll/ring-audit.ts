import type { Kernel, Mapped, Syscalls } from '../../../../src/os/syscalls.ts';

/** `io_uring_register(2)`: how many buffers the kernel has taken from a ring of them. Linux 6.8. */
const IORING_REGISTER_PBUF_STATUS = 26;
const IORING_REGISTER_PBUF_RING = 22;
const statusBytes = 40;
/** `struct io_uring_buf` in half-words, where its number stands, and where the ring's tail does. */
const bufferHalfWords = 8;
const numberAt = 6;
const tailAt = 7;

/** What is written into the shared memory of a test: rings that have ended, and the buffers that were free then. */
export const audit = { rings: 0, free: 1, twice: 2, length: 3 } as const;

/** System calls that count, when a ring is closed, which of its buffers the kernel could still receive into. */
export function audited(kernel: Kernel, into: Int32Array): Partial<Syscalls> {
  const { sys } = kernel;
  const memories: Mapped[] = [];
  const registered = new Map<number, Uint16Array>();
  return {
    map(size, fd, offset) {
      const memory = sys.map(size, fd, offset);
      if (typeof memory !== 'number') memories.push(memory);
      return memory;
    },
    ringRegister(ring, operation, argument) {
      if (operation === IORING_REGISTER_PBUF_RING) {
        const address = Number(argument.bytes.readBigUInt64LE(0));
        const mapped = memories.find((each) => each.address === address);
        if (mapped) registered.set(ring, new Uint16Array(mapped.memory));
      }
      return sys.ringRegister(ring, operation, argument);
    },
    close(fd) {
      const ring = registered.get(fd);
      if (ring) count(kernel, fd, ring, into);
      registered.delete(fd);
      return sys.close(fd);
    },
  };
}

function count(kernel: Kernel, fd: number, ring: Uint16Array, into: Int32Array): void {
  const status = kernel.buffer(statusBytes);
  status.bytes.fill(0);
  if (kernel.sys.ringRegister(fd, IORING_REGISTER_PBUF_STATUS, status) < 0) return; // before Linux 6.8
  const taken = status.bytes.readUInt32LE(4) & 0xffff;
  const free = ((ring[tailAt] ?? 0) - taken) & 0xffff;
  const entries = ring.length / bufferHalfWords;
  const numbers = new Set<number | undefined>();
  for (let each = 0; each < free; each += 1)
    numbers.add(ring[((taken + each) % entries) * bufferHalfWords + numberAt]);
  Atomics.add(into, audit.rings, 1);
  Atomics.add(into, audit.free, free);
  Atomics.add(into, audit.twice, free - numbers.size);
}
