import * as abi from '../../../os/abi.ts';
import { checked, type EventArray, type Syscalls } from '../../../os/syscalls.ts';
import type { RingConnections } from './ring-connections.ts';

/** A descriptor, and the tag that comes with its events. */
interface Tagged {
  readonly fd: number;
  readonly tag: number;
}

/** Everything edge-triggered: reported once; a change after `epoll_wait` has returned makes a new event. */
const everything = abi.EPOLLIN | abi.EPOLLOUT | abi.EPOLLRDHUP | abi.EPOLLET;

/** The epoll set of a thread, and how it is waited in beside a ring. */
export class EpollSet {
  readonly fd: number;
  /** When it was last looked into before something was received through the ring, on the clock of `Date.now`. */
  lookedMs = 0;
  readonly #sys: Syscalls;
  readonly #events: EventArray;
  readonly #ring: RingConnections | undefined;
  /** The last look has found something, so there may be more. */
  #isBusy = true;

  /**
   * @param events is filled by `wait`
   * @throws Error where epoll cannot be used here
   */
  constructor(sys: Syscalls, events: EventArray, ring: RingConnections | undefined) {
    this.#sys = sys;
    this.#events = events;
    this.#ring = ring;
    this.fd = checked(sys.epollCreate(), 'epoll_create1');
  }

  /** Takes in a connected or connecting socket: all that happens to it is reported once. */
  add(socket: Tagged): number {
    return this.#sys.epollAdd(this.fd, socket.fd, everything, socket.tag);
  }

  /**
   * Takes in what is reported as long as there is something to read, such as a queue of connections that is longer than what is
   * accepted in one iteration.
   *
   * @param isShared with other threads: one of them wakes, not all
   */
  addReadable(socket: Tagged, isShared = false): number {
    const events = isShared ? abi.EPOLLIN | abi.EPOLLEXCLUSIVE : abi.EPOLLIN;
    return this.#sys.epollAdd(this.fd, socket.fd, events, socket.tag);
  }

  remove(socket: Tagged): void {
    this.#sys.epollRemove(this.fd, socket.fd);
  }

  /**
   * Waits for events, and for what is received through the ring. Every iteration has looked at the epoll set after that, so commands,
   * and a stall, come before anything that is carried. The ring reports events in the set only when they are new: it is waited in
   * only after the set was found empty.
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
    while (count === abi.EINTR); // nothing received is handed over without this look
    this.#isBusy = count !== 0;
    return count;
  }

  close(): void {
    this.#sys.close(this.fd);
  }
}
