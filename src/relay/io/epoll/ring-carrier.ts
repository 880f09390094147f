import * as abi from './abi.ts';
import type { Carrier } from './carrier.ts';
import type { Ring, SendFailed } from './ring.ts';
import { roles, ways, type Socket, type TunnelSession } from './socket.ts';

/** What carrying through the ring asks of the loop of descriptors. */
export interface RingCarrierPort {
  /** The socket that a completion is about, unless it has been closed. */
  socketOf(fd: number, tag: number): Socket | undefined;
  /** Takes a socket out of the epoll set. */
  unwatch(socket: Socket): void;
  /** Takes it in again: what has happened meanwhile is told. Where that cannot be, its session ends. */
  rewatch(socket: Socket): void;
}

/**
 * Carries the bytes of sessions that say little at a time, in both directions: all that has come in is received in one call,
 * which also makes the sends of the turn before.
 *
 * A session leaves for the epoll set, and to the rules of `Carrier`, as soon as anything but short messages happens in it: a
 * full buffer, a reader that is slow, an end, an error, a rest. What was received before is always carried first.
 */
export class RingCarrier {
  readonly #ring: Ring;
  readonly #carrier: Carrier;
  readonly #port: RingCarrierPort;
  /** By the number of their send. */
  readonly #receivers: Socket[] = [];
  /** Sockets that found no free buffer. */
  #starved: Socket[] = [];

  constructor(ring: Ring, carrier: Carrier, port: RingCarrierPort) {
    this.#ring = ring;
    this.#carrier = carrier;
    this.#port = port;
  }

  /** Whether there is nothing to wait for here. */
  get isIdle(): boolean {
    return this.#ring.isIdle && this.#starved.length === 0;
  }

  /** Whether something has been received that is not on its way yet. */
  get hasSends(): boolean {
    return this.#ring.hasSends;
  }

  /** Has `wait` return also when this descriptor becomes readable. */
  watch(fd: number): void {
    this.#ring.watch(fd);
  }

  /** Both sides of a relaying session receive through the ring from now on. */
  enter(session: TunnelSession): void {
    const { downstream, upstream } = session;
    if (!upstream || !mayEnter(downstream) || !mayEnter(upstream) || this.#ring.room < 2) {
      this.#comeBackLater(session);
      return;
    }
    for (const socket of [downstream, upstream]) {
      this.#port.unwatch(socket);
      socket.way = ways.ring;
      this.#ring.receive(socket.fd, socket.tag);
    }
  }

  /** Both sides go back to the epoll set, each when its receiving has ended. Idempotent. */
  leave(session: TunnelSession): void {
    this.#comeBackLater(session);
    for (const socket of [session.downstream, session.upstream]) {
      if (socket?.way !== ways.ring) continue;
      socket.way = ways.leaving;
      this.#ring.stop(socket.fd, socket.tag);
    }
  }

  /** A socket is closed: its receiving must end, for it keeps the connection open. What came in for it is not carried. */
  close(socket: Socket): void {
    if (socket.way === ways.ring) this.#ring.stop(socket.fd, socket.tag);
    socket.way = ways.epoll;
  }

  /** Nothing that is not on its way already is sent to a socket any more. */
  withdraw(socket: Socket): void {
    if (socket.isSending) this.#ring.withdraw(socket.fd);
  }

  /** Makes the sends that are due, and waits until something has come in, at most so many milliseconds. */
  wait(waitMs: number): void {
    if (this.#starved.length > 0) {
      this.#enter(0); // buffers are free again when their bytes have been sent
      const starved = this.#starved;
      this.#starved = [];
      for (const socket of starved) this.#receiveOn(socket);
    }
    this.#enter(waitMs);
  }

  /** Makes the sends that are due, now. Before descriptors are closed, and before this thread does something else. */
  flush(): void {
    if (this.#ring.hasRequests) this.#enter(0);
  }

  /** Gives everything back. Nobody carries any more. */
  end(): void {
    this.#ring.close();
  }

  /**
   * Carries everything that has been received by now. What comes in with a `flush` meanwhile is for the next turn, which looks
   * for commands first: they would wait for as long as there is something to carry.
   *
   * @returns how many receipts there were
   */
  workOff(): number {
    const ring = this.#ring;
    const { end } = ring;
    let receipts = 0;
    while (ring.next(end)) {
      receipts += 1;
      const { result, buffer, goesOn } = ring;
      const socket = this.#port.socketOf(ring.fd, ring.tag);
      if (socket === undefined) {
        if (buffer >= 0) ring.giveBack(buffer);
      } else {
        if (result > 0) this.#carry(socket, buffer, result);
        else if (buffer >= 0) ring.giveBack(buffer);
        if (!goesOn) this.#ended(socket, result);
      }
    }
    return receipts;
  }

  #enter(waitMs: number): void {
    this.#ring.enter(waitMs, this.#failed);
    for (const receiver of this.#receivers) receiver.isSending = false;
    this.#receivers.length = 0;
  }

  #carry(from: Socket, buffer: number, length: number): void {
    const ring = this.#ring;
    const { session } = from;
    if (session === undefined || from.other === undefined || from.hasEnded) {
      ring.giveBack(buffer);
      return;
    }
    const start = buffer * ring.bufferBytes;
    // It was received before its client was to rest: it is asked already, and the rest begins with its answer.
    if (from.role === roles.resting) {
      from.role = roles.relaying;
      session.isResting = false;
    }
    this.#carrier.heed(from, session, ring.bytes, start, length);
    this.#forward(from, session, buffer, length);
  }

  /** What is looked at above, and a send that fails, may have ended the session: then there is no other side. */
  #forward(from: Socket, session: TunnelSession, buffer: number, length: number): void {
    // What follows must not overtake what the kernel may have left of the send before it.
    if (from.other?.isSending === true) this.flush();
    this.#send(from.other, session, buffer, length);
  }

  #send(to: Socket | undefined, session: TunnelSession, buffer: number, length: number): void {
    const ring = this.#ring;
    if (to === undefined) {
      ring.giveBack(buffer);
    } else if (to.unsent !== undefined) {
      const start = buffer * ring.bufferBytes;
      to.unsent = joined(to.unsent, ring.bytes.subarray(start, start + length));
      ring.giveBack(buffer);
    } else {
      to.isSending = true;
      this.#receivers[ring.send(to.fd, buffer, length)] = to;
      if (length === ring.bufferBytes) this.leave(session);
    }
  }

  /** A socket does not receive any more. */
  #ended(socket: Socket, result: number): void {
    const hasData = result > 0 || result === abi.ENOBUFS;
    if (hasData && socket.way === ways.ring) {
      if (result === abi.ENOBUFS) this.#starved.push(socket);
      else this.#receiveOn(socket);
      return;
    }
    const { session } = socket;
    if (session === undefined || this.#port.socketOf(socket.fd, socket.tag) !== socket) return;
    if (socket.way === ways.ring) {
      socket.way = ways.leaving;
      this.leave(session);
    }
    socket.way = ways.epoll;
    this.#port.rewatch(socket);
    if (hasData || result === abi.ECANCELED) return;
    this.flush(); // an end comes after all that was said
    if (socket.other !== undefined) this.#carrier.gotNone(socket, socket.other, session, result);
  }

  #receiveOn(socket: Socket): void {
    if (this.#port.socketOf(socket.fd, socket.tag) !== socket) return;
    if (socket.way === ways.ring) this.#ring.receive(socket.fd, socket.tag);
    else if (socket.way === ways.leaving) {
      socket.way = ways.epoll;
      this.#port.rewatch(socket);
    }
  }

  #comeBackLater(session: TunnelSession): void {
    const { shortReplies, shortRepliesAgain } = this.#ring.sizes;
    session.shortReplies = shortReplies - shortRepliesAgain;
  }

  /** The kernel has not taken all of a send: the session goes on where a slow reader is waited for. */
  readonly #failed: SendFailed = (send, result, rest) => {
    const to = this.#receivers[send];
    const { session, other: from } = to ?? {};
    if (to === undefined || session === undefined || from === undefined) return; // it has been closed
    this.leave(session);
    this.#carrier.sentLess(from, to, session, rest, result);
  };
}

function mayEnter(socket: Socket): boolean {
  return (
    socket.role === roles.relaying &&
    socket.way === ways.epoll &&
    socket.unsent === undefined &&
    !socket.isEnding &&
    !socket.hasEnded
  );
}

function joined(first: Uint8Array, second: Uint8Array): Uint8Array {
  const both = new Uint8Array(first.length + second.length);
  both.set(first);
  both.set(second, first.length);
  return both;
}
