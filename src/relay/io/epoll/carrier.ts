import { doubtWordAt } from '../../core/doubt.ts';
import type { Side } from '../../core/session.ts';
import type { Opening } from '../../core/opening.ts';
import { endsInQuit } from '../../core/quit.ts';
import * as abi from './abi.ts';
import { roles, ways, type Socket, type TunnelSession } from './socket.ts';
import type { Buffered, Kernel, Syscalls } from './syscalls.ts';

/** Fits the second-level cache beside everything else; a command or a reply is seldom longer. */
const usualBytes = 64 * 1024;
/** For who fills the usual buffer: fewer calls for the same bytes. Also the most that is ever kept for a slow reader. */
const bulkBytes = 1024 * 1024;
/** A reply up to this length is a short one. */
const shortBytes = 4096;
const minus = 0x2d;
/** Reads in one turn of what a refused client still says. */
const mostDiscards = 16;

/** What carrying asks of the loop of descriptors. */
export interface CarrierPort {
  /** Carries from this socket at the next turn, whether or not there is an event. */
  readAgain(socket: Socket): void;
  close(socket: Socket): void;
  defer(run: () => void): void;
  /** Reads nothing more from the client of a session. */
  rest(session: TunnelSession): void;
  /** Has a session that only says little go over to the ring, where there is one. */
  enterRing(session: TunnelSession): void;
}

/** Carries bytes from one side of a session to the other through one buffer that all sessions of a thread share. */
export class Carrier {
  readonly #loop: CarrierPort;
  readonly #sys: Syscalls;
  readonly #buffer: Buffered;
  readonly #bytes: Uint8Array;
  readonly #shortReplies: number;

  /** @param shortReplies after how many in a row a session is to go over to the ring */
  constructor(loop: CarrierPort, kernel: Kernel, shortReplies = Infinity) {
    this.#shortReplies = shortReplies;
    this.#loop = loop;
    this.#sys = kernel.sys;
    this.#buffer = kernel.buffer(bulkBytes);
    // Not a Buffer: its `slice` is to copy.
    this.#bytes = new Uint8Array(this.#buffer.bytes.buffer, this.#buffer.bytes.byteOffset, bulkBytes);
  }

  /** Joins the two sides of a session whose dial has succeeded. */
  join(downstream: Socket, upstream: Socket): void {
    downstream.other = upstream;
    upstream.other = downstream;
    downstream.role = roles.relaying;
    upstream.role = roles.relaying;
    if (upstream.canRead || upstream.isEnding) this.carry(upstream);
    // Where that has ended the session, it is closed already and `carry` finds no other side.
    if (downstream.canRead || downstream.isEnding) this.carry(downstream);
  }

  /** One read from a socket, and one write to the other side of its session. */
  carry(from: Socket): void {
    const { other: to, session } = from;
    if (to === undefined || session === undefined || from.hasEnded || from.way !== ways.epoll) return;
    if (to.unsent !== undefined) {
      from.canRead = true;
      return;
    }
    const limit = from.isBulk ? bulkBytes : usualBytes;
    const got = this.#sys.recv(from.fd, this.#buffer, limit);
    if (got <= 0) {
      this.gotNone(from, to, session, got);
      return;
    }
    if (session.opening !== undefined && !from.isUpstream && this.#isRefused(session, session.opening, got))
      return;
    this.heed(from, session, this.#bytes, 0, got);
    // A read that did not fill the buffer has emptied the socket (epoll(7), on edge-triggered streams), unless its
    // end was told by the same edge: then that is still to be read.
    from.isBulk = got === limit || (from.isBulk && got > usualBytes);
    const hasMore = got === limit || from.isEnding;
    from.canRead = hasMore;
    const sent = this.#sys.send(to.fd, this.#buffer, got);
    if (sent === got) {
      if (hasMore) this.#loop.readAgain(from);
      else if (from.isUpstream) this.#countShort(session, got);
      return;
    }
    this.sentLess(from, to, session, this.#bytes.slice(Math.max(sent, 0), got), sent);
  }

  /** Everything that bytes are looked at for before they are sent on, on whichever way they have come. */
  heed(from: Socket, session: TunnelSession, bytes: Uint8Array, start: number, length: number): void {
    count(from, session, length);
    if (from.isUpstream) {
      if (!session.hasHeard) this.#hear(session);
      if (bytes[start] === minus) this.#doubt(session, bytes.subarray(start, start + length));
      if (session.wantsRest) this.#loop.rest(session);
    } else session.isQuitting = endsInQuit(bytes, start, start + length);
  }

  /** The kernel takes bytes for this socket again. */
  sendUnsent(to: Socket): void {
    const { unsent, session, other: from } = to;
    if (unsent === undefined || session === undefined || from === undefined) return;
    // A short write without EAGAIN need not be followed by an edge: go on until one is promised.
    while (to.unsentFrom < unsent.length) {
      const sent = this.#sys.sendRest(to.fd, unsent, to.unsentFrom);
      if (sent === abi.EINTR) continue;
      if (sent === abi.EAGAIN) return;
      if (sent < 0) {
        this.#unwritable(to, from, session);
        return;
      }
      to.unsentFrom += sent;
    }
    to.unsent = undefined;
    if (from.hasEnded) this.#passEnd(from, to, session);
    else if (from.canRead || from.isEnding) this.#loop.readAgain(from);
  }

  /** Throws away what a refused client still says; closes with it. */
  discard(socket: Socket): void {
    for (let reads = 0; reads < mostDiscards; reads += 1) {
      const got = this.#sys.recv(socket.fd, this.#buffer, usualBytes);
      if (got === abi.EAGAIN) return;
      if (got === 0 || (got < 0 && got !== abi.EINTR)) {
        this.#loop.close(socket);
        return;
      }
    }
    this.#loop.readAgain(socket); // others have their turn first
  }

  /** A read has brought no bytes: `error` is 0 at the end of the stream, or an error number. */
  gotNone(from: Socket, to: Socket, session: TunnelSession, error: number): void {
    if (error === abi.EAGAIN) from.canRead = false;
    else if (error === abi.EINTR) this.#readOn(from);
    else if (error === 0) {
      from.hasEnded = true;
      this.#endedFirst(session, from);
      from.canRead = false;
      this.#passEnd(from, to, session);
    } else this.#unreadable(from, to, session);
  }

  /** Whether the client turns out to be a replica by what was read last, where that is not allowed. */
  #isRefused(session: TunnelSession, opening: Opening, length: number): boolean {
    const kind = opening.look(this.#bytes, 0, length);
    if (kind === 'open') return false;
    session.opening = undefined;
    if (kind === 'replication') session.door.replicates(session);
    return kind === 'replication';
  }

  #readOn(from: Socket): void {
    from.canRead = true;
    this.#loop.readAgain(from);
  }

  /** Not everything was taken: `rest` is what is left, `result` what the kernel said. */
  sentLess(from: Socket, to: Socket, session: TunnelSession, rest: Uint8Array, result: number): void {
    if (result < 0 && result !== abi.EAGAIN && result !== abi.EINTR) {
      this.#unwritable(to, from, session);
      return;
    }
    to.unsent = rest;
    to.unsentFrom = 0;
    // The other side is slower than this one: from now on less is read at a time, so that less has to be kept.
    from.isBulk = false;
    // What stays unread in the kernel is found again when all of this has been sent.
    from.canRead = true;
    // Only EAGAIN promises an edge when there is room again.
    if (result !== abi.EAGAIN) this.sendUnsent(to);
  }

  /** One side has said all it had to say, and all of it has been passed on. */
  #passEnd(from: Socket, to: Socket, session: TunnelSession): void {
    if (to.unsent !== undefined) return;
    if (to.hasEnded && from.unsent === undefined) {
      session.door.sessionEnded(session, session.endedFirst ?? sideOf(from));
      return;
    }
    const result = this.#sys.shutdown(to.fd);
    if (result < 0) this.#unwritable(to, from, session);
    else session.door.halfClosed(session, sideOf(from));
  }

  /** Nothing more can be read from a socket. What is kept for the other side is still sent to a client, as without a tunnel. */
  #unreadable(from: Socket, to: Socket, session: TunnelSession): void {
    const first = this.#endedFirst(session, from);
    from.hasEnded = true;
    from.canRead = false;
    to.hasEnded = true;
    to.canRead = false;
    if (from.isUpstream && to.unsent !== undefined) session.door.halfClosed(session, 'upstream');
    else session.door.sessionEnded(session, first);
  }

  /**
   * Nothing more can be sent to a socket. A server that refuses a client says why and closes: what it has said is read
   * to its end, while the client's words go nowhere.
   */
  #unwritable(to: Socket, from: Socket, session: TunnelSession): void {
    const first = this.#endedFirst(session, to);
    to.unsent = undefined;
    from.hasEnded = true;
    from.canRead = false;
    if (!to.isUpstream || (to.hasEnded && from.unsent === undefined)) {
      session.door.sessionEnded(session, first);
      return;
    }
    to.isEnding = true;
    if (from.unsent === undefined) this.#readOn(to);
    session.door.halfClosed(session, 'upstream');
  }

  /** Remembers who ended first, and tells of a server that does so unasked. */
  #endedFirst(session: TunnelSession, socket: Socket): Side {
    if (session.endedFirst === undefined) {
      session.endedFirst = sideOf(socket);
      if (socket.isUpstream && !session.isQuitting) session.door.dropped(session);
    }
    return session.endedFirst;
  }

  #hear(session: TunnelSession): void {
    session.hasHeard = true;
    session.door.heard(session);
  }

  #countShort(session: TunnelSession, length: number): void {
    if (session.opening !== undefined) return; // the ring does not look at it
    if (length > shortBytes) session.shortReplies = Math.min(session.shortReplies, 0);
    else {
      session.shortReplies += 1;
      if (session.shortReplies >= this.#shortReplies) this.#loop.enterRing(session);
    }
  }

  #doubt(session: TunnelSession, chunk: Uint8Array): void {
    const word = doubtWordAt(chunk);
    if (word !== undefined) session.door.doubted(session, word);
  }
}

function count(from: Socket, session: TunnelSession, bytes: number): void {
  if (from.isUpstream) {
    session.downstreamBytes += bytes;
    session.isAsking = false;
    session.door.addDownstream(bytes);
  } else {
    session.upstreamBytes += bytes;
    session.isAsking = true;
    session.door.addUpstream(bytes);
  }
}

function sideOf(socket: Socket): Side {
  return socket.isUpstream ? 'upstream' : 'downstream';
}
