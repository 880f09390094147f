import * as abi from './abi.ts';
import * as ringAbi from './ring-abi.ts';
import { errorName, type Buffered, type Kernel, type Mapped, type Syscalls } from './syscalls.ts';

/** How much a ring has room for. */
export interface RingRoom {
  /** A power of two, at most 32,768. */
  readonly buffers: number;
  /** A receipt is at most that long. */
  readonly bufferBytes: number;
  /** Most connections that receive through it. */
  readonly connections: number;
}

/** An io_uring that is set up, and the memory that it shares with the kernel. Places in `words` are counted in words. */
export class RingMemory {
  readonly fd: number;
  /** Heads, tails, and the completions. */
  readonly words: Int32Array;
  /** Where it says how many requests the kernel has taken, and how many there are. */
  readonly takenAt: number;
  readonly askedAt: number;
  /** Where it says how many completions have been looked at, and how many there are. */
  readonly headAt: number;
  readonly tailAt: number;
  readonly completionsAt: number;
  /** For how many completions there is room, a power of two, minus one. */
  readonly completionMask: number;
  readonly requests: Int32Array;
  /** All buffers, one behind the other. */
  readonly store: Mapped;
  /** The ring in which the kernel finds the buffers that are free. There is none yet. */
  readonly free: Mapped;
  readonly #sys: Syscalls;
  readonly #mapped: Mapped[] = [];

  /**
   * @param requests are taken by the kernel in one call at most: a power of two
   * @param group is what requests call the buffers
   * @throws Error saying why there can be no ring here; all that was taken is given back then
   */
  constructor(kernel: Kernel, room: RingRoom, requests: number, group: number) {
    const { sys } = kernel;
    const { params: at } = ringAbi;
    this.#sys = sys;
    const params = zeroed(kernel, ringAbi.paramsBytes);
    const words = new Int32Array(params.bytes.buffer, params.bytes.byteOffset, params.size / 4);
    // Each buffer can be in one completion; each connection can end receiving, and fail to be stopped, once beside that.
    const completions = Math.max(requests, room.buffers + 2 * room.connections + 64);
    words[at.completionEntries] = 2 ** Math.ceil(Math.log2(completions));
    words[at.flags] = ringAbi.setupFlags;
    this.fd = sys.ringSetup(requests, params);
    if (this.fd < 0) throw new Error(reasonOf(this.fd));
    const [submissions = 0, entries = 0, end = 0] = [
      words[at.submissionEntries],
      words[at.completionEntries],
      words[at.completions],
    ];
    this.takenAt = (words[at.submissionHead] ?? 0) / 4;
    this.askedAt = (words[at.submissionTail] ?? 0) / 4;
    this.headAt = (words[at.completionHead] ?? 0) / 4;
    this.tailAt = (words[at.completionTail] ?? 0) / 4;
    this.completionsAt = end / 4;
    this.completionMask = entries - 1;
    try {
      const ringBytes = end + entries * ringAbi.completionWords * 4;
      this.words = new Int32Array(this.#map(ringBytes, this.fd, ringAbi.IORING_OFF_SQ_RING).memory);
      const requestBytes = submissions * ringAbi.requestWords * 4;
      this.requests = new Int32Array(this.#map(requestBytes, this.fd, ringAbi.IORING_OFF_SQES).memory);
      this.store = this.#map(room.buffers * room.bufferBytes, -1, 0);
      this.free = this.#map(room.buffers * ringAbi.bufferWords * 4, -1, 0);
      const registration = zeroed(kernel, ringAbi.bufferRegistrationBytes);
      registration.bytes.writeBigUInt64LE(BigInt(this.free.address), 0);
      registration.bytes.writeUInt32LE(room.buffers, 8);
      registration.bytes.writeUInt16LE(group, 12);
      const result = sys.ringRegister(this.fd, ringAbi.IORING_REGISTER_PBUF_RING, registration);
      if (result < 0) throw new Error(reasonOf(result));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Ends the ring and gives all memory back. Nothing of it may be used any more. */
  close(): void {
    this.#sys.close(this.fd);
    for (const memory of this.#mapped) this.#sys.unmap(memory);
  }

  #map(size: number, fd: number, offset: number): Mapped {
    const memory = this.#sys.map(size, fd, offset);
    if (typeof memory === 'number') throw new Error(`mmap failed with ${errorName(memory)}`);
    this.#mapped.push(memory);
    return memory;
  }
}

function zeroed(kernel: Kernel, size: number): Buffered {
  const buffered = kernel.buffer(size);
  buffered.bytes.fill(0);
  return buffered;
}

/** What the refusal of a kernel means, for the log. */
function reasonOf(error: number): string {
  const name = errorName(error);
  switch (error) {
    case abi.EPERM:
      return `io_uring is forbidden here (${name}), by kernel.io_uring_disabled or by the filter of a container`;
    case abi.ENOSYS:
      return `io_uring is not there (${name}), or the filter of a container hides it`;
    case abi.EINVAL:
      return `io_uring of this kernel is too old (${name}), it is used from Linux 6.6 on`;
    default:
      return `io_uring_setup failed with ${name}`;
  }
}
