import type { Permits } from '../../../lifecycle/permits.ts';
import * as abi from '../../../os/abi.ts';
import type { Buffered, Syscalls } from '../../../os/syscalls.ts';
import { unattended, type Connection, type ConnectionHandler } from '../connection.ts';

/** Fits the second-level cache beside everything else; a command or a reply is seldom longer. */
const usualBytes = 64 * 1024;
/** For a peer that fills the usual buffer: fewer calls for the same bytes. */
export const bulkBytes = 1024 * 1024;
/** A read up to this length is a short one. */
const shortBytes = 4096;
/** Redis reads so much at once at most, and answers that before it reads on (PROTO_IOBUF_LEN of server.h). */
const bytesPerAnswer = 16 * 1024;

const broken = abi.EPOLLERR | abi.EPOLLHUP;
const ends = abi.EPOLLRDHUP | broken;

/** What a connection is doing. A number, for it is looked at for every event. */
export const modes = { watched: 0, reading: 1, paused: 2, dialling: 3, closed: 4 } as const;
type Mode = (typeof modes)[keyof typeof modes];

/** How a connection receives. A number, for it is looked at for every read. */
export const ways = {
  /** It is in the epoll set, and read when an event says so. */
  epoll: 0,
  /** The ring receives for it. */
  ring: 1,
  /** The ring is to stop receiving for it. Until the kernel confirms that, what was received before is still handed over. */
  leaving: 2,
} as const;
type Way = (typeof ways)[keyof typeof ways];

/** What a connection needs of the ring that its thread may have. */
interface ConnectionRing {
  /** The connection goes back to the epoll set when its receiving has ended. Idempotent. */
  leave(connection: EpollConnection): void;
  /** Sends what a handler has been lent, from where it lies. @returns whether that can be: for the whole of it, once */
  take(to: EpollConnection, bytes: Uint8Array, start: number, end: number): boolean;
  /** Makes the sends that are due, now. */
  flush(): void;
  /** Nothing that is not on its way already is sent on a connection any more. */
  withdraw(connection: EpollConnection): void;
}

/** What a connection needs of the loop that it belongs to. */
export interface ConnectionLoop {
  readonly sys: Syscalls;
  /** Where every connection of the thread receives, `bulkBytes` long: lent to a handler for one call. */
  readonly buffer: Buffered;
  /** The same memory. */
  readonly bytes: Uint8Array;
  /** Whether a handler has the buffer now. */
  isLending: boolean;
  /** What receives by itself, where there is an io_uring. */
  readonly ring: ConnectionRing | undefined;
  /** After how many short reads in a row a connection is to receive through the ring. */
  readonly shortReads: number;
  /** Reads from the connection in the next iteration, whether or not there is an event. */
  readAgain(connection: EpollConnection): void;
  /** Has the ring receive for the connection, where that is worth it now. */
  enterRing(connection: EpollConnection): void;
  /** Takes the connection out of everything; its descriptor is closed at the end of the iteration, or now. */
  release(connection: EpollConnection, isNow: boolean): void;
}

/** Receives the answer to a connect(2). */
export interface ConnectAnswer {
  connectAnswered(hasFailed: boolean): void;
}

/**
 * A socket in the epoll set of a thread, or in its ring. epoll watches it edge-triggered from the first to the last, so that no
 * call is spent on changing what is watched; what an event has said is remembered here until it is used up.
 *
 * A read and a write allocate nothing: bytes are received into a buffer that all connections of the thread share, and sent from
 * there. Only what the kernel does not take is copied.
 */
export class EpollConnection implements Connection {
  handler: ConnectionHandler = unattended;
  readonly fd: number;
  /** Known to the kernel with `fd` and compared with each event: the number of a descriptor is used again, its tag is not. */
  readonly tag: number;
  mode: Mode;
  way: Way = ways.epoll;
  /** There may be more to read than an event will tell of again. */
  canRead = false;
  /** The peer has ended or broken off: read until that is reached, for no further event will tell. */
  isEnding = false;
  /** The end of what the peer sends has been read. */
  hasEnded = false;
  /** It is in the loop's list of connections to read from in the next iteration. */
  isQueued = false;
  /** Bytes for it are in the ring, to be sent when that is entered next. */
  isSending = false;
  /** How many bytes of ours the peer may not have read, as far as what it sends tells. */
  unansweredBytes = 0;
  /** How many short reads in a row it has had; below zero where that is to count only later. */
  shortReads = 0;
  /** Who waits for the answer to its connect(2), of a connection that was dialled. */
  connecting: ConnectAnswer | undefined = undefined;
  /** Where the descriptors of its client are given back once it is closed; of a connection that was accepted. */
  permits: Permits | undefined = undefined;
  readonly #loop: ConnectionLoop;
  readonly #isDialled: boolean;
  /** The last read filled the buffer: the next one may be large. */
  #isBulk = false;
  /** What the kernel has not taken yet. */
  #unsent: Uint8Array[] | undefined = undefined;
  #unsentFrom = 0;
  #isEndWanted = false;
  /** Our direction has ended, or is broken: what is written goes nowhere. */
  #takesNothing = false;

  constructor(loop: ConnectionLoop, fd: number, tag: number, isDialled: boolean) {
    this.#loop = loop;
    this.fd = fd;
    this.tag = tag;
    this.#isDialled = isDialled;
    this.mode = isDialled ? modes.dialling : modes.watched;
  }

  get isFlushed(): boolean {
    return this.#unsent === undefined;
  }

  write(bytes: Uint8Array, start: number, end: number): boolean {
    const { sys, bytes: lent, buffer, ring } = this.#loop;
    if (this.mode === modes.closed || this.#takesNothing || start === end) return true;
    if (ring !== undefined && this.#unsent === undefined) {
      // What follows must not overtake what the kernel may leave of the send before it.
      if (this.isSending) {
        ring.flush();
        if (this.#isDeaf()) return true;
      }
      if (this.isFlushed && ring.take(this, bytes, start, end)) return true;
    }
    if (this.#unsent !== undefined) {
      this.#unsent.push(copyOf(bytes, start, end));
      return false;
    }
    const length = end - start;
    this.unansweredBytes += length;
    const sent =
      bytes === lent
        ? sys.send(this.fd, buffer, start, length)
        : sys.sendRest(this.fd, end === bytes.length ? bytes : bytes.subarray(0, end), start);
    return sent === length || this.#sentLess(sent, bytes, start, end);
  }

  pause(): void {
    if (this.mode !== modes.reading) return;
    this.mode = modes.paused;
    // The other side is slower than this one: less is read at a time, so that less has to be kept.
    this.#isBulk = false;
    if (this.way === ways.ring) this.#loop.ring?.leave(this);
  }

  resume(): void {
    const isFirst = this.mode === modes.watched;
    if (!isFirst && this.mode !== modes.paused) return;
    this.mode = modes.reading;
    if (!this.canRead && !this.isEnding) return;
    if (isFirst && !this.#loop.isLending) this.#read();
    else this.#loop.readAgain(this);
  }

  end(): void {
    if (this.mode === modes.closed || this.#isEndWanted) return;
    this.#isEndWanted = true;
    if (this.isSending) this.#loop.ring?.flush();
    if (this.#unsent === undefined) this.#shutDown();
  }

  /**
   * A server that has answered all that it was sent gets a reset, so that no local port is kept in TIME_WAIT. One that still has to
   * answer does not: it would stop executing what it has received when it cannot reply.
   */
  close(): void {
    if (this.mode === modes.closed) return;
    const { sys } = this.#loop;
    const isAnswered = this.unansweredBytes === 0 && !this.isSending && this.isFlushed;
    if (this.#isDialled && isAnswered && !this.hasEnded && !this.isEnding) {
      if (sys.unacknowledged(this.fd) === 0) sys.resetOnClose(this.fd);
    }
    this.#release();
  }

  reset(): void {
    if (this.mode === modes.closed) return;
    if (this.isSending) this.#loop.ring?.withdraw(this);
    this.#loop.sys.resetOnClose(this.fd);
    this.#release();
  }

  checkPeer(answer: (hasEnded: boolean) => void): void {
    if (this.mode !== modes.closed) answer(this.#loop.sys.hasPeerEnded(this.fd));
  }

  // For the loop and the ring.

  /** An event of the epoll set. */
  happened(events: number): void {
    if (events & ends) this.isEnding = true;
    if (events & abi.EPOLLIN) this.canRead = true;
    if (this.mode === modes.dialling) {
      if (events & (abi.EPOLLOUT | broken)) this.connecting?.connectAnswered((events & broken) !== 0);
      return;
    }
    if (this.#unsent !== undefined && events & abi.EPOLLOUT) this.#writableAgain(this.#unsent);
    if (!(events & (abi.EPOLLIN | ends))) return;
    if (this.mode === modes.reading) this.#read();
    else if (this.mode === modes.watched && events & ends) this.#peerEnded((events & broken) !== 0);
  }

  /** Reads once where there may be something left from an iteration before. */
  readOn(): void {
    this.isQueued = false;
    if (this.mode === modes.reading && (this.canRead || this.isEnding)) this.#read();
  }

  /** The peer has sent something: it has read what it was sent before, or a part of that. */
  answered(): void {
    this.unansweredBytes = Math.max(this.unansweredBytes - bytesPerAnswer, 0);
  }

  /** A read brought no bytes: `error` is 0 at the end of what the peer sends, or an error number. */
  receivedNone(error: number): void {
    switch (error) {
      case abi.EAGAIN:
        this.canRead = false;
        return;
      case abi.EINTR:
        this.canRead = true;
        this.#loop.readAgain(this);
        return;
      case 0:
        this.canRead = false;
        this.hasEnded = true;
        this.handler.ended(this);
        return;
      default:
        this.fail();
    }
  }

  /** The kernel has not taken all of a send through the ring: this is a copy of what is left. Calls nobody. */
  keepUnsent(rest: Uint8Array): void {
    if (this.mode === modes.closed) return;
    this.#unsent = [rest];
    this.#unsentFrom = 0;
  }

  /** Goes on with what was kept, outside the ring, until the kernel promises an event. An error shows itself again. */
  sendKept(): void {
    if (this.#unsent !== undefined && !this.#sendUnsent(this.#unsent)) this.#loop.ring?.leave(this);
  }

  /** The connection is broken, or cannot be watched any more. */
  fail(): void {
    this.#release();
    this.handler.gone(this);
  }

  #read(): void {
    if (this.hasEnded || this.way !== ways.epoll) return;
    const loop = this.#loop;
    const limit = this.#isBulk ? bulkBytes : usualBytes;
    const got = loop.sys.recv(this.fd, loop.buffer, limit);
    if (got <= 0) {
      this.receivedNone(got);
      return;
    }
    // A read that did not fill the buffer has emptied the socket (epoll(7), on edge-triggered streams), unless its end came with the
    // same event: that is still to be read.
    this.#isBulk = got === limit || (this.#isBulk && got > usualBytes);
    this.canRead = got === limit || this.isEnding;
    this.answered();
    loop.isLending = true;
    this.handler.data(this, loop.bytes, 0, got);
    loop.isLending = false;
    if (this.mode !== modes.reading) return;
    if (this.canRead) loop.readAgain(this);
    else if (got > shortBytes) this.shortReads = Math.min(this.shortReads, 0);
    else {
      this.shortReads += 1;
      if (this.shortReads >= loop.shortReads) loop.enterRing(this);
    }
  }

  /** The peer of a connection that was never resumed has ended, or broken off. */
  #peerEnded(isBroken: boolean): void {
    if (isBroken) this.fail();
    else this.handler.ending(this, this.#loop.sys.peek(this.fd) > 0);
  }

  #writableAgain(unsent: Uint8Array[]): void {
    if (!this.#sendUnsent(unsent) || this.#isDeaf()) return;
    if (this.#isEndWanted && !this.#shutDown()) return;
    this.handler.writable(this);
  }

  /** @returns whether nothing has to be kept */
  #sentLess(sent: number, bytes: Uint8Array, start: number, end: number): boolean {
    if (sent < 0 && sent !== abi.EAGAIN && sent !== abi.EINTR) {
      this.#failWriting();
      return true;
    }
    const unsent = [copyOf(bytes, start + Math.max(sent, 0), end)];
    this.#unsent = unsent;
    this.#unsentFrom = 0;
    // A short write without EAGAIN need not be followed by an event: go on until one is promised.
    if (sent !== abi.EAGAIN && this.#sendUnsent(unsent)) return true;
    this.#loop.ring?.leave(this); // which reports no room to send
    return false;
  }

  /** @returns whether nothing is left */
  #sendUnsent(unsent: Uint8Array[]): boolean {
    for (let first = unsent[0]; first !== undefined; first = unsent[0]) {
      const sent = this.#loop.sys.sendRest(this.fd, first, this.#unsentFrom);
      if (sent === abi.EINTR) continue;
      if (sent === abi.EAGAIN) return false;
      if (sent < 0) {
        this.#failWriting();
        return true;
      }
      this.#unsentFrom += sent;
      if (this.#unsentFrom < first.length) continue;
      unsent.shift();
      this.#unsentFrom = 0;
    }
    this.#unsent = undefined;
    return true;
  }

  /** @returns whether our direction has ended in good order */
  #shutDown(): boolean {
    if (this.#takesNothing) return false;
    const isDone = this.#loop.sys.shutdown(this.fd) >= 0;
    if (isDone) this.#takesNothing = true;
    else this.#failWriting();
    return isDone;
  }

  #failWriting(): void {
    this.#unsent = undefined;
    this.#takesNothing = true;
    // What the peer said before is read to its end, of which no further event will tell.
    this.isEnding = true;
    if (this.mode === modes.reading) this.#loop.readAgain(this);
    this.handler.writeFailed(this);
  }

  #release(): void {
    const isNow = this.mode === modes.dialling; // nobody but its dial knows of it
    this.mode = modes.closed;
    this.#unsent = undefined;
    this.#loop.release(this, isNow);
  }

  #isDeaf(): boolean {
    return this.#takesNothing || this.mode === modes.closed;
  }
}

function copyOf(bytes: Uint8Array, start: number, end: number): Uint8Array {
  return new Uint8Array(bytes.subarray(start, end)); // a Buffer's `slice` does not copy
}
