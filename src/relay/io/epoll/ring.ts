import * as abi from './abi.ts';
import * as ringAbi from './ring-abi.ts';
import { RingMemory, type RingRoom } from './ring-setup.ts';
import { errorName, type Kernel, type Syscalls } from './syscalls.ts';

/** How large a ring is. Tests choose small ones. */
export interface RingSizes extends RingRoom {
  /** A session that has had so many short replies in a row is likely to have more: going over costs less than they save. */
  readonly shortReplies: number;
  /** Sessions go over only while a turn of the loop hears of so many sockets: a ring saves calls where they can be made together. */
  readonly busyTurn: number;
  /** The same for one that has left it. To go and to come costs about ten microseconds. */
  readonly shortRepliesAgain: number;
}

/** What is asked of the kernel in one call at most; more makes another call. A power of two. */
const requests = 1024;
/** Calls in a row that take nothing before this is called a defect: the kernel is out of memory for requests. */
const mostTries = 1_000;
/** Errors of io_uring_enter(2) that are not about us: interrupted, no memory for requests, completions to be taken, time over. */
const passing: readonly number[] = [abi.EINTR, abi.EAGAIN, abi.EBUSY, abi.ETIME];
const wordRange = 2 ** 32;
const bufferGroup = 0;

/** What a completion belongs to, in place of a socket's tag, which is above zero. */
const kinds = { stopped: 0, sent: -1, watched: -2 } as const;

/**
 * @param send its number
 * @param result how many bytes were taken, or an error number
 * @param rest a copy of what was not taken
 */
export type SendFailed = (send: number, result: number, rest: Uint8Array) => void;

/**
 * One thread's io_uring: sockets that receive by themselves into buffers of a common store, and sends that are made together.
 * It knows descriptors and the tags that tell one socket from the next with the same descriptor, and nothing of sessions.
 *
 * A receipt belongs to whoever took it until `giveBack`, or until it has been sent from its buffer. A send is made by the next
 * `enter`, at once and without waiting: all of it, or it is among the `failures` with as much as was taken. The kernel
 * copies what it takes, so the buffer is free again after that.
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
  /** Whether the socket goes on receiving. */
  goesOn = false;
  readonly #sys: Syscalls;
  readonly #ring: number;
  readonly #memory: RingMemory;
  readonly #words: Int32Array;
  readonly #requests: Int32Array;
  readonly #completions: number;
  readonly #completionMask: number;
  readonly #headAt: number;
  readonly #tailAt: number;
  readonly #takenAt: number;
  readonly #askedAt: number;
  readonly #store: number;
  readonly #free: Int32Array;
  readonly #freeHalves: Uint16Array;
  readonly #buffers: number;
  #freeTail = 0;
  /** The next request, and the next completion to be looked at: they count on and wrap as the kernel's do. */
  #asked = 0;
  #head = 0;
  /** Receipts that have been asked for and have not ended. */
  #receiving = 0;
  /**
   * The sends that the next `enter` makes: socket, buffer and how many bytes. They are not among the requests before that,
   * so whatever else makes the kernel look at those makes no send.
   */
  readonly #receivers: Int32Array;
  readonly #sending: Int32Array;
  readonly #lengths: Int32Array;
  #sends = 0;
  /** The descriptor that is watched for being readable, or -1. */
  #watched = -1;

  /** @throws Error saying why there can be no ring here */
  static open(kernel: Kernel, sizes: RingSizes): Ring {
    const memory = new RingMemory(kernel, sizes, requests, bufferGroup);
    try {
      return new Ring(kernel.sys, sizes, memory);
    } catch (error) {
      memory.close();
      throw error;
    }
  }

  private constructor(sys: Syscalls, sizes: RingSizes, memory: RingMemory) {
    this.#sys = sys;
    this.#memory = memory;
    this.#ring = memory.fd;
    this.#words = memory.words;
    this.#requests = memory.requests;
    this.#takenAt = memory.takenAt;
    this.#askedAt = memory.askedAt;
    this.#headAt = memory.headAt;
    this.#tailAt = memory.tailAt;
    this.#completions = memory.completionsAt;
    this.#completionMask = memory.completions - 1;
    const { buffers, bufferBytes } = sizes;
    this.sizes = sizes;
    this.#buffers = buffers;
    this.bufferBytes = bufferBytes;
    this.#receivers = new Int32Array(buffers);
    this.#sending = new Int32Array(buffers);
    this.#lengths = new Int32Array(buffers);
    this.bytes = new Uint8Array(memory.store.memory);
    this.#store = memory.store.address;
    this.#free = new Int32Array(memory.free.memory);
    this.#freeHalves = new Uint16Array(memory.free.memory);
    for (let buffer = 0; buffer < buffers; buffer += 1) this.giveBack(buffer);
  }

  /** Nothing is asked for, nothing is received and nothing is left to be looked at. */
  get isIdle(): boolean {
    return this.#receiving === 0 && !this.hasRequests && this.#head === this.#tail;
  }

  /** Whether something waits for the next `enter`. */
  get hasRequests(): boolean {
    return this.#sends > 0 || this.#hasAsked;
  }

  /** Whether something waits for the next `enter` to be sent. */
  get hasSends(): boolean {
    return this.#sends > 0;
  }

  /** How many sockets may still begin to receive. */
  get room(): number {
    return this.sizes.sockets - this.#receiving;
  }

  /** From now on `next` tells what the socket receives. */
  receive(fd: number, tag: number): void {
    this.#receiving += 1;
    const operation = ringAbi.IORING_OP_RECV | ringAbi.IOSQE_BUFFER_SELECT | ringAbi.IORING_RECV_MULTISHOT;
    this.#ask(operation, fd, 0, 0, 0, fd, tag);
  }

  /** Ends receiving. What has been received already is still told, and that it does not go on. */
  stop(fd: number, tag: number): void {
    const operation = ringAbi.IORING_OP_ASYNC_CANCEL | ringAbi.IOSQE_CQE_SKIP_SUCCESS;
    // The request to cancel is named by its data: two words where others have an address.
    const at = this.#ask(operation, -1, 0, 0, 0, 0, kinds.stopped);
    this.#requests[at + ringAbi.request.address] = fd;
    this.#requests[at + ringAbi.request.address + 1] = tag;
  }

  /**
   * Sends the first `length` bytes of a buffer.
   *
   * @returns the number of the send, counted from 0 since the last `enter`
   */
  send(fd: number, buffer: number, length: number): number {
    if (!(length > 0 && length <= this.bufferBytes && buffer >= 0 && buffer < this.#buffers))
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
    const operation = ringAbi.IORING_OP_POLL_ADD;
    this.#ask(operation, fd, 0, ringAbi.IORING_POLL_ADD_MULTI, abi.EPOLLIN, 0, kinds.watched);
  }

  /**
   * Gives the kernel what was asked for, receives what there is, and waits until there is something.
   *
   * @param waitMs in milliseconds; 0 does not wait, `Infinity` has no end
   * @param failed is told of each send that was not made as a whole. It must not send, nor call `enter`.
   */
  enter(waitMs: number, failed: SendFailed): void {
    // No completion before this one tells of these sends.
    const first = this.#tail;
    for (let send = 0; send < this.#sends; send += 1) this.#askToSend(send);
    this.#submit(waitMs);
    if (this.#sends === 0) return;
    const tail = this.#tail;
    for (let each = first; each !== tail; each = (each + 1) | 0) {
      const at = this.#completions + (each & this.#completionMask) * ringAbi.completionWords;
      if (this.#words[at + 1] !== kinds.sent) continue;
      const send = this.#words[at] ?? 0;
      const result = this.#words[at + ringAbi.completion.result] ?? 0;
      const start = (this.#sending[send] ?? 0) * this.bufferBytes;
      const end = start + (this.#lengths[send] ?? 0);
      failed(send, result, this.bytes.slice(start + Math.max(result, 0), end));
    }
    for (let send = 0; send < this.#sends; send += 1) this.giveBack(this.#sending[send] ?? 0);
    this.#sends = 0;
  }

  /** Where the receipts end at present. */
  get end(): number {
    return this.#tail;
  }

  /** Goes on to the next receipt before an end that has been looked at. @returns whether there is one */
  next(end: number): boolean {
    while (this.#head !== end) {
      const at = this.#completions + (this.#head & this.#completionMask) * ringAbi.completionWords;
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
    const at = (this.#freeTail & (this.#buffers - 1)) * ringAbi.bufferWords;
    const address = this.#store + buffer * this.bufferBytes;
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

  get #hasAsked(): boolean {
    return this.#asked !== this.#words[this.#takenAt];
  }

  get #tail(): number {
    return this.#words[this.#tailAt] ?? 0;
  }

  #submit(waitMs: number): void {
    this.#words[this.#headAt] = this.#head;
    let atLeast = waitMs > 0 ? 1 : 0;
    for (let tries = 0; tries < mostTries; tries += 1) {
      this.#words[this.#askedAt] = this.#asked;
      const submit = (this.#asked - (this.#words[this.#takenAt] ?? 0)) | 0;
      const result = this.#sys.ringEnter(this.#ring, submit, atLeast, waitMs);
      if (result < 0 && !passing.includes(result))
        throw new Error(`io_uring_enter failed with ${errorName(result)}`);
      if (!this.#hasAsked) return;
      atLeast = 0;
    }
    throw new Error('io_uring_enter takes no more requests');
  }

  #askToSend(send: number): void {
    const length = this.#lengths[send] ?? 0;
    if (length === 0) return; // withdrawn
    // Without MSG_DONTWAIT the kernel would wait for room; without MSG_WAITALL a part would count as a success.
    const flags = abi.MSG_NOSIGNAL | abi.MSG_DONTWAIT | abi.MSG_WAITALL;
    const address = this.#store + (this.#sending[send] ?? 0) * this.bufferBytes;
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
    if (((this.#asked - (this.#words[this.#takenAt] ?? 0)) | 0) === requests) this.#submit(0);
    const at = (this.#asked & (requests - 1)) * ringAbi.requestWords;
    this.#asked = (this.#asked + 1) | 0;
    // The other words of a request are 0 in everything that is asked for here.
    const words = this.#requests;
    words[at] = operation;
    words[at + ringAbi.request.fd] = fd;
    words[at + ringAbi.request.address] = address | 0;
    words[at + ringAbi.request.address + 1] = (address / wordRange) | 0;
    words[at + ringAbi.request.length] = length;
    words[at + ringAbi.request.operationFlags] = operationFlags;
    words[at + ringAbi.request.data] = data;
    words[at + ringAbi.request.data + 1] = kind;
    words[at + ringAbi.request.bufferGroup] = bufferGroup;
    return at;
  }
}
