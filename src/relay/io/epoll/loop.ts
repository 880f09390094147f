import { performance } from 'node:perf_hooks';
import type { Permits } from '../../../lifecycle/permits.ts';
import type { Ring } from '../../../os/ring.ts';
import { checked, type Buffered, type EventArray, type Kernel, type Syscalls } from '../../../os/syscalls.ts';
import type { Stalled } from '../../../lifecycle/stall.ts';
import type { Lag } from '../../../telemetry/lag.ts';
import { descriptorsPerClient } from '../descriptors.ts';
import { bulkBytes, EpollConnection, ways, type ConnectionLoop } from './connection.ts';
import { EpollSet } from './epoll-set.ts';
import { Heartbeat } from './heartbeat.ts';
import { KeepAlive } from './keep-alive.ts';
import { RingConnections, type RingLoop } from './ring-connections.ts';

/** Events taken by one `epoll_wait`. */
const eventsPerIteration = 512;
/** Tags are above zero; they are used again after two thousand million descriptors. */
const lastTag = 2 ** 31 - 1;

/** What a loop has from its thread. */
export interface LoopOptions {
  /** Carries out the commands that have come; called before anything else of an iteration. */
  readonly command: () => void;
  /** Whether the main thread is silent. Asked at every heartbeat. */
  readonly isMainThreadSilent: () => boolean;
  /** Returns when the commands of after a stall have come. */
  readonly catchUp: (stalled: Stalled) => void;
  /** Records how late this loop comes to its heartbeats. */
  readonly lag: Lag;
  /** Belongs to the loop from now on, unless that throws. */
  readonly ring: Ring | undefined;
}

/** Who lives in a loop: it has connections, listeners and deadlines, and does its part of each iteration. */
export interface LoopMember {
  /** When `settle` has something to do although nothing happens, on the clock of `performance.now`. */
  readonly dueMs: number;
  /** Does what has come due. */
  settle(): void;
  /** Reports what happened in this iteration, once the descriptors that were closed in it are. */
  publish(): void;
}

/** A descriptor in the epoll set, with the tag that tells it from the next one with the same number. */
export interface Watched {
  readonly fd: number;
  readonly tag: number;
  happened(events: number): void;
}

/**
 * One thread's descriptors, and the iterations in which their events are handled. A descriptor that is closed leaves the table at
 * once and is closed for the kernel only at the end of the iteration: no event of the same iteration can reach the next one that
 * gets its number.
 */
export class Loop implements ConnectionLoop, RingLoop {
  readonly sys: Syscalls;
  readonly buffer: Buffered;
  readonly bytes: Uint8Array;
  isLending = false;
  readonly ring: RingConnections | undefined;
  readonly shortReads: number;
  readonly members = new Set<LoopMember>();
  /** To be given every connection that is dialled. */
  readonly keepAlive: KeepAlive;
  readonly epoll: EpollSet;
  readonly #options: LoopOptions;
  readonly #heartbeat: Heartbeat;
  /** By which this thread's own event loop says that it has something to do. */
  readonly #ownFd: number;
  readonly #events: EventArray;
  readonly #busy: number;
  /** How many events and receipts the last iteration had. */
  #heard = 0;
  /** By descriptor. Dense, for the kernel gives the lowest free number. */
  readonly #watched: (Watched | undefined)[] = [];
  /** Descriptors that others use too. */
  readonly #borrowed = new Set<number>();
  #closing: number[] = [];
  /** Permits of descriptors that are given back when those are closed. */
  #returning: Permits[] = [];
  /** Connections that are read from in the next iteration without an event. */
  #again: EpollConnection[] = [];
  #deferred: (() => void)[] = [];
  #nextTag = 1;
  #isTouched = true;
  /** When `settle` has something to do although nothing happens. */
  #dueMs = Infinity;
  #wantsOwnLoop = false;

  /** @throws Error where epoll cannot be used here */
  constructor(kernel: Kernel, options: LoopOptions) {
    const { ring } = options;
    const { sys } = kernel;
    this.#options = options;
    this.sys = sys;
    this.buffer = kernel.buffer(bulkBytes);
    const { buffer, byteOffset } = this.buffer.bytes;
    this.bytes = new Uint8Array(buffer, byteOffset, bulkBytes);
    this.keepAlive = new KeepAlive(sys, (fd, tag) => this.connectionOf(fd, tag));
    this.#events = kernel.events(eventsPerIteration);
    this.ring = ring && new RingConnections(ring, this);
    this.shortReads = ring?.sizes.shortReads ?? Infinity;
    this.#busy = ring?.sizes.busyIteration ?? Infinity;
    this.epoll = new EpollSet(sys, this.#events, this.ring);
    let heartbeatFd = -1;
    try {
      this.#ownFd = checked(sys.ownLoop(), 'napi_get_uv_event_loop');
      checked(this.epoll.addReadable(this.enter(this.#ownFd, handledFirst, true)), 'epoll_ctl');
      this.#heartbeat = new Heartbeat(sys, options.lag);
      heartbeatFd = this.#heartbeat.fd;
      checked(this.epoll.addReadable(this.enter(heartbeatFd, handledFirst)), 'epoll_ctl');
    } catch (error) {
      if (heartbeatFd >= 0) sys.close(heartbeatFd);
      this.epoll.close();
      throw error;
    }
  }

  /** Runs until this thread's own event loop has something to do: a message, its end. */
  run(): void {
    this.#wantsOwnLoop = false;
    this.settle(); // what this thread's own event loop has done meanwhile
    let isWanted = false;
    while (!isWanted) isWanted = this.iterate();
  }

  /**
   * Waits for events, at most until the next deadline, and handles them.
   *
   * @returns whether this thread's own event loop has something to do
   */
  iterate(): boolean {
    const { words, stride, dataWord } = this.#events;
    // What was received before a stall and is not sent yet waits for the same as what came in during it.
    const hasSends = this.#options.ring?.hasSends === true;
    if (hasSends && this.#heartbeat.mayBeMissed(this.epoll.lookedMs)) this.#checkStall();
    const count = this.epoll.wait(this.#timeout());
    const end = count * stride; // below zero after EINTR: nothing is left to do but what is due
    // A stall is looked for before anything is carried that came in during it. Behind a full array may be more.
    if (count === eventsPerIteration) this.#checkStall();
    for (let at = 0; at < end; at += stride) {
      const fd = words[at + dataWord];
      if (fd === this.#ownFd) this.#woken();
      else if (fd === this.#heartbeat.fd) this.#checkStall();
    }
    if (this.#again.length > 0) {
      const again = this.#again;
      this.#again = [];
      for (const connection of again) connection.readOn();
    }
    for (let at = 0; at < end; at += stride) {
      const watched = this.#watched[words[at + dataWord] ?? -1];
      if (watched !== undefined && watched.tag === words[at + dataWord + 1]) watched.happened(words[at] ?? 0);
    }
    const received = this.ring?.handOver() ?? 0;
    this.#heard = Math.max(count, 0) + received;
    this.settle();
    if (this.#wantsOwnLoop) this.ring?.flush();
    return this.#wantsOwnLoop;
  }

  /** Ends an iteration: deferred work, deadlines, what members have to report, and the descriptors that were closed in it. */
  settle(): void {
    // Most iterations only carry bytes. They are not to pay for anything that is proportional to the number of tunnels.
    if (!this.#isTouched && (this.#dueMs === Infinity || this.#dueMs > performance.now())) return;
    this.#isTouched = false;
    this.ring?.flush(); // what is sent names descriptors that may be closed below
    this.#runDeferred();
    for (const member of this.members) member.settle();
    this.#runDeferred();
    this.ring?.flush(); // the ring is to let go of what is closed
    this.#closeReleased();
    this.#dueMs = Infinity;
    for (const member of this.members) {
      member.publish();
      this.#dueMs = Math.min(this.#dueMs, member.dueMs);
    }
  }

  /** Something has happened that `settle` has to look at. */
  touch(): void {
    this.#isTouched = true;
  }

  /** Has something done at the end of the iteration. */
  defer(run: () => void): void {
    this.#isTouched = true;
    this.#deferred.push(run);
  }

  /**
   * Takes a descriptor into the table. Its owner decides when to watch it.
   *
   * @param happened is called for its events
   * @param isBorrowed whether others use it too, so that it is not closed here
   */
  enter(fd: number, happened: (events: number) => void, isBorrowed = false): Watched {
    const watched = { fd, tag: this.#newTag(), happened };
    this.#put(watched);
    if (isBorrowed) this.#borrowed.add(fd);
    return watched;
  }

  /** Takes a connected or connecting socket into the epoll set. @returns its connection, or an error number */
  watch(fd: number, isDialled: boolean): EpollConnection | number {
    const connection = new EpollConnection(this, fd, this.#newTag(), isDialled);
    this.#put(connection);
    const result = this.epoll.add(connection);
    if (result >= 0) return connection;
    connection.close();
    return result;
  }

  connectionOf(fd: number, tag: number): EpollConnection | undefined {
    const watched = this.#watched[fd];
    return watched instanceof EpollConnection && watched.tag === tag ? watched : undefined;
  }

  enterRing(connection: EpollConnection): void {
    if (this.#heard < this.#busy) return;
    this.#options.ring?.watch(this.epoll.fd);
    this.ring?.enter(connection);
  }

  unwatch(connection: EpollConnection): void {
    this.epoll.remove(connection);
  }

  rewatch(connection: EpollConnection): void {
    if (this.epoll.add(connection) < 0) connection.fail(); // the kernel has no memory for it
  }

  readAgain(connection: EpollConnection): void {
    if (connection.isQueued) return;
    connection.isQueued = true;
    this.#again.push(connection);
  }

  release(connection: EpollConnection, isNow: boolean): void {
    if (connection.way !== ways.epoll) this.ring?.close(connection);
    if (connection.permits) this.#returning.push(connection.permits);
    this.remove(connection, isNow);
  }

  /** Takes a descriptor out of the table and closes it, unless it is borrowed: now, or at the end of the iteration. Idempotent. */
  remove(watched: Watched, isNow = false): void {
    const { fd } = watched;
    if (this.#watched[fd] !== watched) return;
    this.#isTouched = true;
    this.#watched[fd] = undefined;
    if (this.#borrowed.delete(fd)) this.epoll.remove(watched);
    else if (isNow) this.sys.close(fd);
    else this.#closing.push(fd);
  }

  /** Closes every descriptor, the epoll set too. For the end, also an unhappy one. */
  closeAll(): void {
    for (const watched of this.#watched) {
      if (watched instanceof EpollConnection) watched.close();
      else if (watched !== undefined) this.remove(watched);
    }
    this.#closeReleased();
    this.#options.ring?.close();
    this.epoll.close();
  }

  #closeReleased(): void {
    for (const fd of this.#closing) this.sys.close(fd);
    this.#closing = [];
    for (const permits of this.#returning) permits.give(descriptorsPerClient);
    this.#returning = [];
  }

  /** Commands come first: what they cut is not carried by this iteration any more, and who is accepted in it goes by them. */
  #woken(): void {
    this.#wantsOwnLoop = true;
    this.#options.command();
    this.settle();
  }

  /**
   * Missed heartbeats mean that this process was suspended, and a silent main thread that nobody hears the Sentinels. The routes are
   * those of before, and what clients have sent meanwhile may not be for the server that was the master then.
   */
  #checkStall(): void {
    const heartbeats = this.#heartbeat.take();
    if (heartbeats < 1) return;
    this.keepAlive.beat();
    const isSilent = this.#options.isMainThreadSilent();
    if (heartbeats < 2 && !isSilent) return;
    this.#options.catchUp(heartbeats < 2 ? 'main thread' : 'process');
    this.#options.command();
    this.settle();
    this.#heartbeat.take(); // those of the time it took
  }

  #newTag(): number {
    const tag = this.#nextTag;
    this.#nextTag = tag === lastTag ? 1 : tag + 1;
    return tag;
  }

  #put(watched: Watched): void {
    const { fd } = watched;
    while (this.#watched.length <= fd) this.#watched.push(undefined);
    if (this.#watched[fd]) throw new Error(`Descriptor ${String(fd)} is in use already`);
    this.#watched[fd] = watched;
  }

  #runDeferred(): void {
    while (this.#deferred.length > 0) {
      const deferred = this.#deferred;
      this.#deferred = [];
      for (const run of deferred) run();
    }
  }

  #timeout(): number {
    if (this.#again.length > 0) return 0;
    if (this.#dueMs === Infinity) return -1;
    // Rounded up, or the last fraction of a millisecond would be spent in iterations that find nothing due.
    return Math.max(0, Math.ceil(this.#dueMs - performance.now()));
  }
}

/** Commands and heartbeats are looked for before other events. */
function handledFirst(): void {
  // Nothing is left to do.
}
