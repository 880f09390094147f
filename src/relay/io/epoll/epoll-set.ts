import * as abi from './abi.ts';
import type { RingCarrier } from './ring-carrier.ts';
import type { Socket } from './socket.ts';
import { checked, type EventArray, type Syscalls } from './syscalls.ts';

/** Everything edge-triggered, told once; an edge after `epoll_wait` has returned makes a new event. */
const everything = abi.EPOLLIN | abi.EPOLLOUT | abi.EPOLLRDHUP | abi.EPOLLET;

/** The epoll set of a thread, and how it is waited in beside a ring. */
export class EpollSet {
  readonly fd: number;
  /** When it was last looked into before something was received through the ring, on the clock of `Date.now`. */
  lookedMs = 0;
  readonly #sys: Syscalls;
  readonly #events: EventArray;
  readonly #ring: RingCarrier | undefined;
  /** The last look has found something, so there may be more. */
  #isBusy = true;

  /**
   * @param events is filled by `wait`
   * @throws Error where epoll cannot be used here
   */
  constructor(sys: Syscalls, events: EventArray, ring: RingCarrier | undefined) {
    this.#sys = sys;
    this.#events = events;
    this.#ring = ring;
    this.fd = checked(sys.epollCreate(), 'epoll_create1');
  }

  /** Takes in a connected or connecting socket: all that happens to it is told once. */
  add(socket: Socket): number {
    return this.#sys.epollAdd(this.fd, socket.fd, everything, socket.tag);
  }

  /**
   * Takes in what is told of as long as there is something to read, as a queue of connections that is not worked off in one turn.
   *
   * @param isShared with other threads: one of them is told, not all
   */
  addReadable(socket: Socket, isShared = false): number {
    const events = isShared ? abi.EPOLLIN | abi.EPOLLEXCLUSIVE : abi.EPOLLIN;
    return this.#sys.epollAdd(this.fd, socket.fd, events, socket.tag);
  }

  remove(socket: Socket): void {
    this.#sys.epollRemove(this.fd, socket.fd);
  }

  /**
   * Waits for events, and for what is received through the ring. Every turn has looked at the epoll set after that, so commands,
   * and a standstill, come before anything that is carried. The ring tells of events in the set only when they are new:
   * it is waited in only after the set was found empty.
   *
   * @param timeoutMs in milliseconds; -1 for no end
   * @returns how many events there are, or an error number
   */
  wait(timeoutMs: number): number {
    const ring = this.#ring;
    if (ring === undefined || ring.isIdle) {
      this.#isBusy = true;
      return this.#sys.epollWait(this.fd, this.#events, timeoutMs);
    }
    ring.wait(this.#isBusy ? 0 : timeoutMs < 0 ? Infinity : timeoutMs);
    this.lookedMs = Date.now();
    let count: number;
    do count = this.#sys.epollWait(this.fd, this.#events, 0);
    while (count === abi.EINTR); // what has been received is not carried without this look
    this.#isBusy = count !== 0;
    return count;
  }

  close(): void {
    this.#sys.close(this.fd);
  }
}
