import * as abi from './abi.ts';
import * as ringAbi from './ring-abi.ts';
import { RingMemory, type RingRoom } from './ring-setup.ts';
import { errorName, type Kernel, type Syscalls } from './syscalls.ts';

/** How large a ring is, and when connections use it. Tests choose small ones. */
export interface RingSizes extends RingRoom {
  /** After so many short reads in a row a connection is likely to have more: going over costs less than they save. */
  readonly shortReads: number;
  /** Connections go over only while an iteration of the loop has so many events: a ring saves calls where they can be made together. */
  readonly busyIteration: number;
  /** The same as `shortReads`, for one that has left the ring. To go and to come costs about ten microseconds. */
  readonly shortReadsAgain: number;
}

/** What is asked of the kernel in one call at most; more makes another call. A power of two. */
const requests = 1024;
/** Calls in a row that take nothing before this is called a defect: the kernel is out of memory for requests. */
const mostTries = 1_000;
/** Errors of io_uring_enter(2) that are not about us: interrupted, no memory for requests, completions to be taken, time over. */
const passing: readonly number[] = [abi.EINTR, abi.EAGAIN, abi.EBUSY, abi.ETIME];
const wordRange = 2 ** 32;
const bufferGroup = 0;

/** What a completion belongs to, in place of the tag of a connection, which is above zero. */
const kinds = { stopped: 0, sent: -1, watched: -2 } as const;

/**
 * @param send its number
 * @param rest a copy of what was not taken
 */
export type SendFailed = (send: number, rest: Uint8Array) => void;

/**
 * One thread's io_uring: connections that receive by themselves into buffers of a common store, and sends that are made together.
 * It knows descriptors, and the tags that tell one connection from the next with the same descriptor.
 *
 * A buffer with a receipt belongs to its reader until `giveBack`, or until it has been sent. A send is made by the next `enter`, at
 * once and without waiting: all of it, or what was not taken is reported. The kernel copies what it takes, so the buffer is free again
 * after that.
 */
export class Ring {
  /** All buffers, one behind the other. */
  readonly bytes: Uint8Array;
  readonly sizes: RingSizes;
  readonly bufferBytes: number;
  // The completion that `next` has found.
  fd = 0;
  tag = 0;
  /** Bytes received, 0 at the end of the stream, or an error number below zero. */
  result = 0;
  /** The buffer that the bytes are in, or -1. */
  buffer = -1;
  /** Whether the connection goes on receiving. */
  goesOn = false;
  readonly #sys: Syscalls;
  readonly #memory: RingMemory;
  readonly #words: Int32Array;
  readonly #free: Int32Array;
  readonly #freeHalves: Uint16Array;
  #freeTail = 0;
  /** The next request, and the next completion to be looked at: they count on and wrap as the kernel's do. */
  #asked = 0;
  #head = 0;
  /** Connections that have begun to receive and have not ended. */
  #receiving = 0;
  /**
   * The sends that the next `enter` makes: descriptor, buffer and how many bytes. They are not among the requests before that, so
   * whatever else makes the kernel look at those makes no send.
   */
  readonly #receivers: Int32Array;
  readonly #sending: Int32Array;
  readonly #lengths: Int32Array;
  #sends = 0;
  /** The descriptor that is watched for being readable, or -1. */
  #watched = -1;

  /** @throws Error saying why there can be no ring here */
  constructor(kernel: Kernel, sizes: RingSizes) {
    const { buffers, bufferBytes } = sizes;
    const memory = new RingMemory(kernel, sizes, requests, bufferGroup);
    this.#sys = kernel.sys;
    this.#memory = memory;
    this.#words = memory.words;
    this.sizes = sizes;
    this.bufferBytes = bufferBytes;
    this.bytes = new Uint8Array(memory.store.memory);
    this.#free = new Int32Array(memory.free.memory);
    this.#freeHalves = new Uint16Array(memory.free.memory);
    this.#receivers = new Int32Array(buffers);
    this.#sending = new Int32Array(buffers);
    this.#lengths = new Int32Array(buffers);
    for (let buffer = 0; buffer < buffers; buffer += 1) this.giveBack(buffer);
  }

  /** Nothing is asked for, nothing is received and nothing is left to be looked at. */
  get isIdle(): boolean {
    return this.#receiving === 0 && !this.hasRequests && this.#head === this.end;
  }

  /** Whether something waits for the next `enter`. */
  get hasRequests(): boolean {
    return this.#sends > 0 || this.#untaken !== 0;
  }

  /** Whether something waits for the next `enter` to be sent. */
  get hasSends(): boolean {
    return this.#sends > 0;
  }

  /** How many connections may still begin to receive. */
  get room(): number {
    return this.sizes.connections - this.#receiving;
  }

  /** Where the receipts end at present. */
  get end(): number {
    return this.#words[this.#memory.tailAt] ?? 0;
  }

  /** From now on `next` finds what the connection receives. */
  receive(fd: number, tag: number): void {
    this.#receiving += 1;
    this.#ask(ringAbi.receiveMultishot, fd, 0, 0, 0, fd, tag);
  }

  /** Ends receiving. What has been received already is still found, and that it does not go on. */
  stop(fd: number, tag: number): void {
    const operation = ringAbi.IORING_OP_ASYNC_CANCEL | ringAbi.IOSQE_CQE_SKIP_SUCCESS;
    // The request to cancel is named by its data: two words where others have an address.
    const at = this.#ask(operation, -1, 0, 0, 0, 0, kinds.stopped) + ringAbi.request.address;
    this.#memory.requests[at] = fd;
    this.#memory.requests[at + 1] = tag;
  }

  /**
   * Sends the first `length` bytes of a buffer.
   *
   * @returns the number of the send, counted from 0 since the last `enter`
   */
  send(fd: number, buffer: number, length: number): number {
    if (!(length > 0 && length <= this.bufferBytes && buffer >= 0 && buffer < this.sizes.buffers))
      throw new RangeError(`Not within a buffer: ${String(length)} bytes of ${String(buffer)}`);
    const send = this.#sends;
    this.#sends += 1;
    this.#receivers[send] = fd;
    this.#sending[send] = buffer;
    this.#lengths[send] = length;
    return send;
  }

  /** Takes back every send to a descriptor that has not been made yet. */
  withdraw(fd: number): void {
    for (let send = 0; send < this.#sends; send += 1)
      if (this.#receivers[send] === fd) this.#lengths[send] = 0;
  }

  /** `enter` returns when the descriptor becomes readable. Whether it was so before must be asked of it. */
  watch(fd: number): void {
    if (this.#watched >= 0) return;
    this.#watched = fd;
    const { IORING_OP_POLL_ADD, IORING_POLL_ADD_MULTI } = ringAbi;
    this.#ask(IORING_OP_POLL_ADD, fd, 0, IORING_POLL_ADD_MULTI, abi.EPOLLIN, 0, kinds.watched);
  }

  /**
   * Gives the kernel what was asked for, receives what there is, and waits until there is something.
   *
   * @param waitMs in milliseconds; 0 does not wait, `Infinity` has no end
   * @param failed is called for each send that was not made as a whole. It must not send, nor call `enter`.
   */
  enter(waitMs: number, failed: SendFailed): void {
    const first = this.end; // no completion before this one is about these sends
    for (let send = 0; send < this.#sends; send += 1) this.#askToSend(send);
    this.#submit(waitMs);
    if (this.#sends === 0) return;
    const { end } = this;
    for (let each = first; each !== end; each = (each + 1) | 0) {
      const at = this.#completionAt(each);
      if (this.#words[at + 1] !== kinds.sent) continue;
      const send = this.#words[at] ?? 0;
      const sent = Math.max(this.#words[at + ringAbi.completion.result] ?? 0, 0);
      const start = (this.#sending[send] ?? 0) * this.bufferBytes;
      failed(send, this.bytes.slice(start + sent, start + (this.#lengths[send] ?? 0)));
    }
    for (let send = 0; send < this.#sends; send += 1) this.giveBack(this.#sending[send] ?? 0);
    this.#sends = 0;
  }

  /** Goes on to the next receipt before an end that has been looked at. @returns whether there is one */
  next(end: number): boolean {
    while (this.#head !== end) {
      const at = this.#completionAt(this.#head);
      this.#head = (this.#head + 1) | 0;
      const tag = this.#words[at + 1] ?? 0;
      const flags = this.#words[at + ringAbi.completion.flags] ?? 0;
      this.goesOn = (flags & ringAbi.IORING_CQE_F_MORE) !== 0;
      if (tag > 0) {
        this.tag = tag;
        this.fd = this.#words[at] ?? 0;
        this.result = this.#words[at + ringAbi.completion.result] ?? 0;
        this.buffer = flags & ringAbi.IORING_CQE_F_BUFFER ? flags >>> ringAbi.IORING_CQE_BUFFER_SHIFT : -1;
        if (!this.goesOn) this.#receiving -= 1;
        return true;
      }
      if (tag === kinds.watched && !this.goesOn) {
        const watched = this.#watched;
        this.#watched = -1;
        this.watch(watched);
      }
    }
    return false;
  }

  /** A buffer is free to be received into again. */
  giveBack(buffer: number): void {
    const at = (this.#freeTail & (this.sizes.buffers - 1)) * ringAbi.bufferWords;
    const address = this.#memory.store.address + buffer * this.bufferBytes;
    this.#free[at] = address | 0;
    this.#free[at + 1] = (address / wordRange) | 0;
    this.#free[at + 2] = this.bufferBytes;
    this.#freeHalves[at * 2 + 6] = buffer;
    this.#freeTail = (this.#freeTail + 1) & 0xffff;
    this.#freeHalves[ringAbi.bufferTailHalfWord] = this.#freeTail;
  }

  /** Ends everything that is received and gives all memory back. Nothing of it may be used any more. */
  close(): void {
    this.#memory.close();
  }

  /** How many requests the kernel has not taken. */
  get #untaken(): number {
    return (this.#asked - (this.#words[this.#memory.takenAt] ?? 0)) | 0;
  }

  #completionAt(index: number): number {
    const { completionsAt, completionMask } = this.#memory;
    return completionsAt + (index & completionMask) * ringAbi.completionWords;
  }

  #submit(waitMs: number): void {
    const { fd, headAt, askedAt } = this.#memory;
    this.#words[headAt] = this.#head;
    let atLeast = waitMs > 0 ? 1 : 0;
    for (let tries = 0; tries < mostTries; tries += 1) {
      this.#words[askedAt] = this.#asked;
      const result = this.#sys.ringEnter(fd, this.#untaken, atLeast, waitMs);
      if (result < 0 && !passing.includes(result))
        throw new Error(`io_uring_enter failed with ${errorName(result)}`);
      if (this.#untaken === 0) return;
      atLeast = 0;
    }
    throw new Error('io_uring_enter takes no more requests');
  }

  #askToSend(send: number): void {
    const length = this.#lengths[send] ?? 0;
    if (length === 0) return; // withdrawn
    // Without MSG_DONTWAIT the kernel would wait for room; without MSG_WAITALL a part would count as a success.
    const flags = abi.MSG_NOSIGNAL | abi.MSG_DONTWAIT | abi.MSG_WAITALL;
    const address = this.#memory.store.address + (this.#sending[send] ?? 0) * this.bufferBytes;
    const operation = ringAbi.IORING_OP_SEND | ringAbi.IOSQE_CQE_SKIP_SUCCESS;
    this.#ask(operation, this.#receivers[send] ?? -1, address, length, flags, send, kinds.sent);
  }

  #ask(
    operation: number,
    fd: number,
    address: number,
    length: number,
    operationFlags: number,
    data: number,
    kind: number,
  ): number {
    if (this.#untaken === requests) this.#submit(0);
    const { request } = ringAbi;
    const at = (this.#asked & (requests - 1)) * ringAbi.requestWords;
    this.#asked = (this.#asked + 1) | 0;
    // The other words of a request are 0 in everything that is asked for here.
    const words = this.#memory.requests;
    words[at] = operation;
    words[at + request.fd] = fd;
    words[at + request.address] = address | 0;
    words[at + request.address + 1] = (address / wordRange) | 0;
    words[at + request.length] = length;
    words[at + request.operationFlags] = operationFlags;
    words[at + request.data] = data;
    words[at + request.data + 1] = kind;
    words[at + request.bufferGroup] = bufferGroup;
    return at;
  }
}
