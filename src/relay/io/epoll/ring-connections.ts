import * as abi from '../../../os/abi.ts';
import type { Ring, SendFailed } from '../../../os/ring.ts';
import { modes, ways, type EpollConnection } from './connection.ts';

/** What receiving through the ring needs of the loop. */
export interface RingLoop {
  /** The connection that a completion is about, unless it has been closed. */
  connectionOf(fd: number, tag: number): EpollConnection | undefined;
  /** Takes a connection out of the epoll set. */
  unwatch(connection: EpollConnection): void;
  /** Takes it in again: what has happened meanwhile is reported. */
  rewatch(connection: EpollConnection): void;
}

/**
 * Connections that receive little at a time: all that has come in for them is received in one call, which also makes the sends
 * of the iteration before. Each is here by itself, whatever it is joined to.
 *
 * A connection leaves for the epoll set as soon as anything but short messages happens to it: a full buffer, a pause, a peer that
 * reads slowly, an end, an error. What was received before is always handed over first.
 */
export class RingConnections {
  /** All buffers, one behind the other: what handlers are lent. */
  readonly bytes: Uint8Array;
  readonly #ring: Ring;
  readonly #loop: RingLoop;
  /** The buffer that a handler has now, or -1; and how much is in it. */
  #lent = -1;
  #lentBytes = 0;
  /** Whom the sends of the next call go to, by the number of the send. */
  readonly #receivers: EpollConnection[] = [];
  /** Those of which the kernel has not taken all. */
  #failures: EpollConnection[] = [];
  /** Connections that found no free buffer. */
  #starved: EpollConnection[] = [];

  constructor(ring: Ring, loop: RingLoop) {
    this.#ring = ring;
    this.#loop = loop;
    this.bytes = ring.bytes;
  }

  /** Whether there is nothing to wait for here. */
  get isIdle(): boolean {
    return this.#ring.isIdle && this.#starved.length === 0;
  }

  /** The connection receives through the ring from now on, if it may and there is room. */
  enter(connection: EpollConnection): void {
    const { mode, way, isFlushed, isEnding, hasEnded } = connection;
    const mayEnter = mode === modes.reading && way === ways.epoll && isFlushed && !isEnding && !hasEnded;
    if (!mayEnter || this.#ring.room < 1) {
      this.#comeBackLater(connection);
      return;
    }
    this.#loop.unwatch(connection);
    connection.way = ways.ring;
    this.#ring.receive(connection.fd, connection.tag);
  }

  /** The connection goes back to the epoll set when its receiving has ended. Idempotent. */
  leave(connection: EpollConnection): void {
    if (connection.way !== ways.ring) return;
    this.#comeBackLater(connection);
    connection.way = ways.leaving;
    this.#ring.stop(connection.fd, connection.tag);
  }

  /** The connection is closed: its receiving must end, for it keeps the socket open. What came in is not handed over. */
  close(connection: EpollConnection): void {
    if (connection.way === ways.ring) this.#ring.stop(connection.fd, connection.tag);
    connection.way = ways.epoll;
  }

  /** Nothing that is not on its way already is sent on a connection any more. */
  withdraw(connection: EpollConnection): void {
    this.#ring.withdraw(connection.fd);
  }

  /**
   * Sends what a handler has been lent, from where it lies.
   *
   * @returns whether that can be: for the whole of it, once
   */
  take(to: EpollConnection, bytes: Uint8Array, start: number, end: number): boolean {
    const buffer = this.#lent;
    if (bytes !== this.bytes || buffer < 0) return false;
    if (start !== buffer * this.#ring.bufferBytes || end !== start + this.#lentBytes) return false;
    this.#lent = -1;
    to.isSending = true;
    to.unansweredBytes += end - start;
    this.#receivers[this.#ring.send(to.fd, buffer, end - start)] = to;
    return true;
  }

  /** Makes the sends that are due, and waits until something has come in, at most so many milliseconds. */
  wait(waitMs: number): void {
    if (this.#starved.length > 0) {
      this.#enter(0); // buffers are free again when their bytes have been sent
      const starved = this.#starved;
      this.#starved = [];
      for (const connection of starved) this.#receiveOn(connection);
    }
    this.#enter(waitMs);
  }

  /** Makes the sends that are due, now. */
  flush(): void {
    if (this.#ring.hasRequests) this.#enter(0);
  }

  /**
   * Hands over everything that has been received by now. What comes in with a `flush` meanwhile is for the next iteration, which
   * looks for commands first: they would wait for as long as there is something to hand over.
   *
   * @returns how many receipts there were
   */
  handOver(): number {
    const ring = this.#ring;
    const { end } = ring;
    let receipts = 0;
    while (ring.next(end)) {
      receipts += 1;
      const { result, buffer, goesOn } = ring;
      const connection = this.#loop.connectionOf(ring.fd, ring.tag);
      if (connection !== undefined && result > 0) this.#lend(connection, buffer, result);
      else if (buffer >= 0) ring.giveBack(buffer);
      if (!goesOn && connection !== undefined) this.#stopped(connection, result);
    }
    return receipts;
  }

  #lend(connection: EpollConnection, buffer: number, length: number): void {
    const { bufferBytes } = this.#ring;
    const start = buffer * bufferBytes;
    connection.answered();
    this.#lent = buffer;
    this.#lentBytes = length;
    connection.handler.data(connection, this.bytes, start, start + length);
    if (this.#lent >= 0) this.#ring.giveBack(buffer);
    this.#lent = -1;
    if (length === bufferBytes) this.leave(connection);
  }

  /** The ring does not receive for a connection any more. */
  #stopped(connection: EpollConnection, result: number): void {
    if (connection.mode === modes.closed) return;
    const hasMore = result > 0 || result === abi.ENOBUFS;
    if (hasMore && connection.way === ways.ring) {
      if (result === abi.ENOBUFS) this.#starved.push(connection);
      else this.#receiveOn(connection);
      return;
    }
    connection.way = ways.epoll;
    this.#comeBackLater(connection);
    // The end is found again when a paused connection reads; an error is not.
    const isPassed =
      hasMore || result === abi.ECANCELED || (result === 0 && connection.mode === modes.paused);
    if (!isPassed) {
      this.flush(); // an end comes after all that was said before it
      if (!isClosed(connection)) connection.receivedNone(result);
    }
    if (!isClosed(connection)) this.#loop.rewatch(connection);
  }

  #receiveOn(connection: EpollConnection): void {
    if (connection.mode === modes.closed) return;
    if (connection.way === ways.ring) this.#ring.receive(connection.fd, connection.tag);
    else {
      connection.way = ways.epoll;
      this.#loop.rewatch(connection);
    }
  }

  #comeBackLater(connection: EpollConnection): void {
    const { shortReads, shortReadsAgain } = this.#ring.sizes;
    connection.shortReads = shortReads - shortReadsAgain;
  }

  #enter(waitMs: number): void {
    this.#ring.enter(waitMs, this.#failed);
    for (const receiver of this.#receivers) receiver.isSending = false;
    this.#receivers.length = 0;
    if (this.#failures.length === 0) return;
    const failures = this.#failures;
    this.#failures = [];
    for (const receiver of failures) receiver.sendKept();
  }

  /** The kernel has not taken all of a send. Handlers are called only when what is left of every one is kept. */
  readonly #failed: SendFailed = (send, rest) => {
    const receiver = this.#receivers[send];
    if (receiver === undefined) return;
    receiver.keepUnsent(rest);
    this.#failures.push(receiver);
  };
}

function isClosed(connection: EpollConnection): boolean {
  return connection.mode === modes.closed;
}
