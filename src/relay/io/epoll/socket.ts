import type { Places } from '../../core/places.ts';
import { Session, type Side } from '../../core/session.ts';
import type { DoubtWord } from '../../core/engine.ts';
import type { SocketAddress } from './sockaddr.ts';

/** What an event on a socket means at present. A number, for it is looked at for every event. */
export const roles = {
  /** Both sides of its session relay. */
  relaying: 0,
  /** A downstream whose session waits or dials. Nothing is read from it yet. */
  waiting: 1,
  /** An upstream that has not answered yet. */
  dialling: 2,
  /** A downstream that has been refused: what it still says is thrown away until it closes. */
  parting: 3,
  listener: 4,
  /** The descriptor of this thread's own event loop. */
  ownLoop: 5,
  /** A downstream that nothing is read from, though its session relays: replies still go to it. */
  resting: 7,
  /** The descriptor by which a standstill is noticed. */
  beat: 6,
} as const;
export type Role = (typeof roles)[keyof typeof roles];

/** Where a socket's bytes come from. A number, for it is looked at for every event. */
export const ways = {
  /** It is in the epoll set, and read from when an event says so. */
  epoll: 0,
  /** It receives through the ring. */
  ring: 1,
  /** Its receiving is being ended: until the kernel has confirmed that, what was received before is still told. */
  leaving: 2,
} as const;
export type Way = (typeof ways)[keyof typeof ways];

/**
 * One descriptor in the epoll set, or in the ring. epoll watches it edge-triggered from the first to the last, so that no call
 * is spent on changing what is watched; hence what an edge has told is remembered here until it is used up.
 */
export class Socket {
  readonly fd: number;
  /** Told to the kernel with `fd` and compared with each event: a descriptor's number comes back, its tag does not. */
  readonly tag: number;
  role: Role;
  readonly isUpstream: boolean;
  session: TunnelSession | undefined = undefined;
  /** The other side of a relaying session. */
  other: Socket | undefined = undefined;

  way: Way = ways.epoll;
  /** Bytes for it are in the ring, to be sent when that is entered next. */
  isSending = false;
  /** There may be more to read than an edge will tell of again. */
  canRead = false;
  /** The peer has ended or broken off: read on until that is reached, for no further edge will tell. */
  isEnding = false;
  /** Its end of stream has been read. */
  hasEnded = false;
  /** Already in the loop's list of those to read from at the next turn. */
  isQueued = false;
  /** The last read filled the buffer: the next one uses the large one. */
  isBulk = false;
  /** A listener that all threads share: it is not closed here. */
  isBorrowed = false;
  /** Bytes that the kernel has not taken yet; nothing is read from `other` meanwhile, which bounds them. */
  unsent: Uint8Array | undefined = undefined;
  unsentFrom = 0;

  /** Where the descriptors of its session are given back when it has been closed; of a downstream. */
  permits: Places | undefined = undefined;

  constructor(fd: number, tag: number, role: Role, isUpstream: boolean) {
    this.fd = fd;
    this.tag = tag;
    this.role = role;
    this.isUpstream = isUpstream;
  }
}

/** What happens to a session is told to whoever owns it. */
export interface SessionOwner {
  /** A client whose session is not relaying yet has ended its sending, or its connection is broken. */
  downstreamEnded(session: TunnelSession, isBroken: boolean): void;
  dialAnswered(session: TunnelSession, upstream: Socket, hasFailed: boolean): void;
  /** The server ends what nobody has asked it to end. */
  dropped(session: TunnelSession): void;
  halfClosed(session: TunnelSession, by: Side): void;
  /** Nothing is left to be carried, or to carry it to. */
  sessionEnded(session: TunnelSession, first: Side): void;
  /** A refused client has gone, or its time is over. */
  parted(): void;
  heard(session: TunnelSession): void;
  /** A client has begun to replicate where that is not allowed: what was read last must not be sent on. */
  replicates(session: TunnelSession): void;
  doubted(session: TunnelSession, word: DoubtWord): void;
  addUpstream(bytes: number): void;
  addDownstream(bytes: number): void;
}

/** A session with its descriptors. */
export class TunnelSession extends Session {
  readonly door: SessionOwner;
  readonly downstream: Socket;
  upstream: Socket | undefined = undefined;
  /** How many short replies in a row it has had; below zero where that is to count later only. */
  shortReplies = 0;
  /** Whether a server has said something in this session. */
  hasHeard = false;
  /** The last that the client has sent was QUIT. */
  isQuitting = false;
  /** Which side ended, or broke off, before the other did. */
  endedFirst: Side | undefined = undefined;
  /** Addresses of the present dial that have not been tried yet. */
  remaining: readonly SocketAddress[] | undefined = undefined;
  /** The address that is being dialled. */
  dialling: SocketAddress | undefined = undefined;
  /** Numbers the dials of this session, so that a late name look-up is known to be late. */
  dial = 0;

  constructor(id: number, admittedMs: number, door: SessionOwner, downstream: Socket) {
    super(id, admittedMs);
    this.door = door;
    this.downstream = downstream;
  }
}
