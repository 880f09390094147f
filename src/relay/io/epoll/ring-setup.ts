import * as abi from './abi.ts';
import * as ringAbi from './ring-abi.ts';
import { errorName, type Buffered, type Kernel, type Mapped, type Syscalls } from './syscalls.ts';

/** How much a ring has room for. */
export interface RingRoom {
  /** A power of two, at most 32,768. */
  readonly buffers: number;
  /** A receipt is at most that long. */
  readonly bufferBytes: number;
  /** Most sockets that receive through it. */
  readonly sockets: number;
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
  /** For how many there is room: a power of two. */
  readonly completions: number;
  readonly requests: Int32Array;
  /** All buffers, one behind the other. */
  readonly store: Mapped;
  /** The ring in which the kernel finds those that are free. There is none yet. */
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
    this.#sys = sys;
    const params = paramsOf(kernel, room, requests);
    this.fd = sys.ringSetup(requests, params);
    if (this.fd < 0) throw new Error(reasonOf(this.fd));
    try {
      const { params: at } = ringAbi;
      const told = wordsOf(params);
      function word(index: number): number {
        return told[index] ?? 0;
      }
      this.completions = word(at.completionEntries);
      const ringBytes = word(at.completions) + this.completions * ringAbi.completionWords * 4;
      this.words = new Int32Array(this.#map(ringBytes, this.fd, ringAbi.IORING_OFF_SQ_RING).memory);
      const requestBytes = word(at.submissionEntries) * ringAbi.requestWords * 4;
      this.requests = new Int32Array(this.#map(requestBytes, this.fd, ringAbi.IORING_OFF_SQES).memory);
      this.takenAt = word(at.submissionHead) / 4;
      this.askedAt = word(at.submissionTail) / 4;
      this.headAt = word(at.completionHead) / 4;
      this.tailAt = word(at.completionTail) / 4;
      this.completionsAt = word(at.completions) / 4;

      this.store = this.#map(room.buffers * room.bufferBytes, -1, 0);
      this.free = this.#map(room.buffers * ringAbi.bufferWords * 4, -1, 0);
      const registration = registrationOf(kernel, this.free, room.buffers, group);
      const result = sys.ringRegister(this.fd, ringAbi.IORING_REGISTER_PBUF_RING, registration);
      if (result < 0) throw new Error(reasonOf(result));
    } catch (error) {
      this.close();
      throw error;
    }
  }

  /** Ends the ring and gives all memory back. Nobody may look at it any more. */
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

/** What is wished for; the kernel fills in the rest. */
function paramsOf(kernel: Kernel, { buffers, sockets }: RingRoom, requests: number): Buffered {
  const params = kernel.buffer(ringAbi.paramsBytes);
  params.bytes.fill(0);
  const words = wordsOf(params);
  // Each buffer can be in one completion; each socket can end receiving, and fail to be stopped, once beside that.
  words[ringAbi.params.completionEntries] = powerOfTwo(Math.max(requests, buffers + 2 * sockets + 64));
  words[ringAbi.params.flags] =
    ringAbi.IORING_SETUP_CQSIZE |
    ringAbi.IORING_SETUP_SUBMIT_ALL |
    ringAbi.IORING_SETUP_SINGLE_ISSUER |
    ringAbi.IORING_SETUP_DEFER_TASKRUN |
    ringAbi.IORING_SETUP_NO_SQARRAY;
  return params;
}

function wordsOf({ bytes, size }: Buffered): Int32Array {
  return new Int32Array(bytes.buffer, bytes.byteOffset, size / 4);
}

function registrationOf(kernel: Kernel, free: Mapped, buffers: number, group: number): Buffered {
  const registration = kernel.buffer(ringAbi.bufferRegistrationBytes);
  registration.bytes.fill(0);
  registration.bytes.writeBigUInt64LE(BigInt(free.address), 0);
  registration.bytes.writeUInt32LE(buffers, 8);
  registration.bytes.writeUInt16LE(group, 12);
  return registration;
}

function powerOfTwo(atLeast: number): number {
  return 2 ** Math.ceil(Math.log2(atLeast));
}

/** For who reads the log: what the refusal of a kernel means. */
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
