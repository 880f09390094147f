import { performance } from 'node:perf_hooks';
import * as abi from './abi.ts';
import { Beat } from './beat.ts';
import { Carrier } from './carrier.ts';
import { EpollSet } from './epoll-set.ts';
import { KeepAlive } from './keep-alive.ts';
import type { LoopMember } from './loop-member.ts';
import { Parting } from './parting.ts';
import type { Ring } from './ring.ts';
import { RingCarrier } from './ring-carrier.ts';
import { roles, Socket, ways, type Role, type TunnelSession } from './socket.ts';
import { descriptorsPerSession, type Places } from '../../core/places.ts';
import type { Lag } from '../../core/lag.ts';
import type { Stood } from '../../core/stood.ts';
import { checked, type EventArray, type Kernel, type Syscalls } from './syscalls.ts';

/** Events taken by one `epoll_wait`. */
const eventsPerTurn = 512;

/** Tags are above zero; they come back after two thousand million sockets. */
const lastTag = 2 ** 31 - 1;
const failed = abi.EPOLLERR | abi.EPOLLHUP;
const ends = abi.EPOLLRDHUP | abi.EPOLLHUP | abi.EPOLLERR;

/** What a loop has from its thread. */
export interface LoopPort {
  /** Carries out what has been asked for meanwhile; called before anything else of its turn. */
  readonly command: () => void;
  /** Whether the main thread is silent. Asked at every beat. */
  readonly isUnsteered: () => boolean;
  /** Returns when what has been asked for is up to date, after a standstill. */
  readonly catchUp: (stood: Stood) => void;
  /** Is told how late this loop comes to its beats. */
  readonly lag: Lag;
  readonly ring: Ring | undefined;
}

/**
 * One thread's descriptors and the turns in which their events are worked off. A descriptor that is closed leaves
 * the table at once and is given back to the kernel only at the end of the turn: no event of the same turn can
 * reach whoever gets its number next.
 */
export class Loop {
  readonly sys: Syscalls;
  readonly doors = new Set<LoopMember>();
  /** To be told of every socket that is dialled. */
  readonly keepAlive: KeepAlive;
  /** Refused clients. */
  readonly parting: Parting;
  readonly epoll: EpollSet;
  readonly #own: Socket;
  readonly #command: () => void;
  readonly #isUnsteered: () => boolean;
  readonly #catchUp: (stood: Stood) => void;
  readonly #beat: Beat;
  readonly #events: EventArray;
  readonly #carrier: Carrier;
  /** Who carries what is short, where the kernel has an io_uring for us. */
  readonly #ring: RingCarrier | undefined;
  readonly #busyTurn: number;
  /** How many events and receipts the last turn had. */
  #heard = 0;
  /** By descriptor. Dense, for the kernel gives the lowest free number. */
  readonly #sockets: (Socket | undefined)[] = [];
  #closing: number[] = [];
  /** Places of descriptors that are given back with those. */
  #returning: Places[] = [];
  /** Sockets that are read from at the next turn without being asked for by an event. */
  #again: Socket[] = [];
  /** Work that must wait until the gate has returned. */
  #deferred: (() => void)[] = [];
  #nextTag = 1;
  #isTouched = true;
  /** When `settle` has something to do although nothing happens. */
  #dueMs = Infinity;
  #wantsOwnLoop = false;

  /**
   * @param port its ring is this loop's own from now on, unless it throws
   * @throws Error where epoll cannot be used here
   */
  constructor(kernel: Kernel, { command, isUnsteered, catchUp, lag, ring }: LoopPort) {
    this.#command = command;
    this.#isUnsteered = isUnsteered;
    this.#catchUp = catchUp;
    this.sys = kernel.sys;
    this.keepAlive = new KeepAlive(kernel.sys, (fd, tag) => this.socketOf(fd, tag));
    this.#events = kernel.events(eventsPerTurn);
    this.#carrier = new Carrier(this, kernel, ring?.sizes.shortReplies);
    this.parting = new Parting(this, this.#carrier);
    this.#busyTurn = ring?.sizes.busyTurn ?? Infinity;
    this.#ring = ring && new RingCarrier(ring, this.#carrier, this);
    this.epoll = new EpollSet(this.sys, this.#events, this.#ring);
    try {
      this.#own = this.#enter(checked(this.sys.ownLoop(), 'napi_get_uv_event_loop'), roles.ownLoop, false);
      checked(this.epoll.addReadable(this.#own), 'epoll_ctl');
      this.#beat = new Beat(this.sys, lag);
      checked(this.epoll.addReadable(this.#enter(this.#beat.fd, roles.beat, false)), 'epoll_ctl');
    } catch (error) {
      for (const socket of this.#sockets) if (socket?.role === roles.beat) this.sys.close(socket.fd);
      this.epoll.close();
      throw error;
    }
  }

  /** Works until this thread's own event loop has something to do: a message, its end. */
  run(): void {
    this.#wantsOwnLoop = false;
    this.settle(); // what this thread's own event loop has done meanwhile
    let isWanted = false;
    while (!isWanted) isWanted = this.turn();
  }

  /**
   * Waits for events, at most until the next deadline, and works them off.
   *
   * @returns whether this thread's own event loop has something to do
   */
  turn(mostMs = Infinity): boolean {
    const { words, stride, dataWord } = this.#events;
    // What was received before a standstill and is not sent yet waits for the same as what came in during it.
    if (this.#ring?.hasSends === true && this.#beat.mayBeMissed(this.epoll.lookedMs)) this.#heedBeat();
    const count = this.epoll.wait(this.#timeout(mostMs));
    const end = count * stride; // below zero after EINTR: nothing is left to do but what is due
    // A standstill is looked for before anything is carried that came in during it. Behind a full array may be more.
    if (count === eventsPerTurn) this.#heedBeat();
    for (let at = 0; at < end; at += stride) {
      const fd = words[at + dataWord];
      if (fd === this.#own.fd) this.#wakened();
      else if (fd === this.#beat.fd) this.#heedBeat();
    }
    const again = this.#again;
    if (again.length > 0) {
      this.#again = [];
      for (const socket of again) {
        socket.isQueued = false;
        if (socket.role === roles.parting) this.#carrier.discard(socket);
        else if (socket.canRead && socket.role === roles.relaying) this.#carrier.carry(socket);
      }
    }
    for (let at = 0; at < end; at += stride) {
      const socket = this.socketOf(words[at + dataWord] ?? -1, words[at + dataWord + 1] ?? 0);
      if (socket !== undefined) this.#happened(socket, words[at] ?? 0);
    }
    const received = this.#ring?.workOff() ?? 0;
    this.#heard = Math.max(count, 0) + received;
    this.settle();
    if (this.#wantsOwnLoop) this.#ring?.flush();
    return this.#wantsOwnLoop;
  }

  /** Ends a turn: deferred work, deadlines, what doors have to tell, and the descriptors that were closed in it. */
  settle(): void {
    // Most turns only carry bytes. They are not to pay for anything that is proportional to the number of doors.
    if (!this.#isTouched && (this.#dueMs === Infinity || this.#dueMs > performance.now())) return;
    this.#isTouched = false;
    this.#ring?.flush(); // what is sent names descriptors that may be closed below
    this.#runDeferred();
    for (const door of this.doors) door.settle();
    this.parting.endDue();
    this.#runDeferred();
    this.#ring?.flush(); // what receives is to let go of what is closed
    this.#giveBack();
    this.#dueMs = this.parting.dueMs;
    for (const door of this.doors) {
      door.publish();
      this.#dueMs = Math.min(this.#dueMs, door.dueMs);
    }
  }

  /** Something has happened that `settle` has to look at. */
  touch(): void {
    this.#isTouched = true;
  }

  defer(run: () => void): void {
    this.#isTouched = true;
    this.#deferred.push(run);
  }

  /** Takes a connected or connecting socket into the epoll set. */
  watch(fd: number, role: Role, isUpstream: boolean): Socket | number {
    const socket = this.#enter(fd, role, isUpstream);
    const result = this.epoll.add(socket);
    if (result >= 0) return socket;
    this.close(socket);
    return result;
  }

  /** The socket that an event or a completion is about, unless it has been closed. */
  socketOf(fd: number, tag: number): Socket | undefined {
    const socket = this.#sockets[fd];
    return socket?.tag === tag ? socket : undefined;
  }

  enterRing(session: TunnelSession): void {
    if (this.#ring === undefined || this.#heard < this.#busyTurn) return;
    this.#ring.watch(this.epoll.fd);
    this.#ring.enter(session);
  }

  /** Reads nothing more from the client of a session; what is in the kernel already is found again when it is woken. */
  rest(session: TunnelSession): void {
    session.isResting = true;
    session.downstream.role = roles.resting;
    this.#ring?.leave(session);
  }

  /** Takes a socket out of the epoll set. */
  unwatch(socket: Socket): void {
    this.epoll.remove(socket);
  }

  /** Takes it in again: what has happened meanwhile is told. Where the kernel has no memory for that, its session ends. */
  rewatch(socket: Socket): void {
    const { session } = socket;
    const result = this.epoll.add(socket);
    if (result < 0 && session)
      session.door.sessionEnded(session, socket.isUpstream ? 'upstream' : 'downstream');
  }

  /** Takes in a listening socket; its owner decides when to listen to it. */
  enterListener(fd: number, isBorrowed: boolean): Socket {
    const socket = this.#enter(fd, roles.listener, false);
    socket.isBorrowed = isBorrowed;
    return socket;
  }

  /** Reads from the socket at the next turn, whether or not there is an event. */
  readAgain(socket: Socket): void {
    if (socket.isQueued) return;
    socket.isQueued = true;
    this.#again.push(socket);
  }

  /** Takes the socket out of everything; its descriptor is given back at the end of the turn. Idempotent. */
  close(socket: Socket): void {
    if (this.#sockets[socket.fd] !== socket) return;
    this.#isTouched = true;
    this.#sockets[socket.fd] = undefined;
    if (socket.way !== ways.epoll) this.#ring?.close(socket);
    this.parting.closed(socket);
    if (socket.isBorrowed) this.epoll.remove(socket);
    // Its session may dial again in this turn, and has one descriptor for that. Nothing but its tag is known elsewhere.
    else if (socket.role === roles.dialling) this.sys.close(socket.fd);
    else this.#closing.push(socket.fd);
    if (socket.permits) this.#returning.push(socket.permits);
    socket.canRead = false;
    socket.unsent = undefined;
    socket.other = undefined;
  }

  /** Closes so that the peer sees a reset and nothing that is still queued in the kernel is sent. */
  reset(socket: Socket): void {
    if (this.#sockets[socket.fd] !== socket) return;
    this.#ring?.withdraw(socket);
    this.sys.resetOnClose(socket.fd);
    this.close(socket);
  }

  /** Gives back every descriptor, the epoll set too. For the end, also an unhappy one. */
  closeAll(): void {
    for (const socket of this.#sockets) {
      if (socket && socket.role !== roles.ownLoop) this.close(socket);
    }
    this.#giveBack();
    this.#ring?.end();
    this.epoll.close();
  }

  #giveBack(): void {
    for (const fd of this.#closing) this.sys.close(fd);
    this.#closing = [];
    for (const permits of this.#returning) permits.give(descriptorsPerSession);
    this.#returning = [];
  }

  #happened(socket: Socket, events: number): void {
    if (events & ends) socket.isEnding = true;
    switch (socket.role) {
      case roles.relaying:
        if (socket.unsent !== undefined && events & abi.EPOLLOUT) this.#carrier.sendUnsent(socket);
        if (events & (abi.EPOLLIN | ends)) this.#carrier.carry(socket);
        return;
      case roles.resting:
        if (socket.unsent !== undefined && events & abi.EPOLLOUT) this.#carrier.sendUnsent(socket);
        if (events & (abi.EPOLLIN | ends)) socket.canRead = true;
        return;
      case roles.waiting:
        if (events & abi.EPOLLIN) socket.canRead = true;
        if (events & ends) socket.session?.door.downstreamEnded(socket.session, (events & failed) !== 0);
        return;
      case roles.dialling:
        socket.canRead = (events & abi.EPOLLIN) !== 0;
        if (events & (abi.EPOLLOUT | failed) && socket.session)
          socket.session.door.dialAnswered(socket.session, socket, (events & failed) !== 0);
        return;
      case roles.parting:
        this.#carrier.discard(socket);
        return;
      case roles.listener:
        for (const door of this.doors) if (door.accept(socket)) return;
        return;
      case roles.ownLoop:
      case roles.beat:
        return; // looked after before the others
      default:
        socket.role satisfies never;
    }
  }

  /** Both sides are connected: what has come in meanwhile goes on its way. */
  join(downstream: Socket, upstream: Socket): void {
    this.#carrier.join(downstream, upstream);
  }

  /** Commands come first: what they cut is not carried by this turn any more, and who is accepted in it goes by them. */
  #wakened(): void {
    this.#wantsOwnLoop = true;
    this.#command();
    this.settle();
  }

  /**
   * Beats that were missed mean that this process has stood still, and a silent main thread that nobody hears the Sentinels. The
   * routes are those of before, and what clients have sent meanwhile may not be for the server that was the master then.
   */
  #heedBeat(): void {
    const beats = this.#beat.heard();
    if (beats >= 1) this.keepAlive.beat();
    if (beats < 1) return;
    const isUnsteered = this.#isUnsteered();
    if (beats < 2 && !isUnsteered) return;
    this.#catchUp(beats < 2 ? 'main thread' : 'process');
    this.#command();
    this.settle();
    this.#beat.heard(); // those of the time it took
  }

  #enter(fd: number, role: Role, isUpstream: boolean): Socket {
    const tag = this.#nextTag;
    this.#nextTag = tag === lastTag ? 1 : tag + 1;
    const socket = new Socket(fd, tag, role, isUpstream);
    while (this.#sockets.length <= fd) this.#sockets.push(undefined);
    if (this.#sockets[fd]) throw new Error(`Descriptor ${String(fd)} is in use already`);
    this.#sockets[fd] = socket;
    return socket;
  }

  #runDeferred(): void {
    while (this.#deferred.length > 0) {
      const deferred = this.#deferred;
      this.#deferred = [];
      for (const run of deferred) run();
    }
  }

  #timeout(mostMs: number): number {
    if (this.#again.length > 0) return 0;
    const waitMs = this.#dueMs === Infinity ? mostMs : Math.min(mostMs, this.#dueMs - performance.now());
    if (waitMs === Infinity) return -1;
    // Rounded up, or the last fraction of a millisecond would be spent in turns that find nothing due.
    return waitMs <= 0 ? 0 : Math.ceil(waitMs);
  }
}
