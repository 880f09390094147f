import { Socket } from 'node:net';
import { bearerOf } from '../../../net/tls.ts';
import { unattended, type Connection, type ConnectionHandler } from '../connection.ts';
import type { StallDetector } from './stall-detector.ts';

/** Bytes that are read ahead of a connection that was never resumed, to see its end; the rest waits in the kernel. */
const mostReadAheadBytes = 64 * 1024;
/** The same while `checkPeer` looks past what is left to be read: more than a kernel keeps of a sender that nobody reads. */
const mostCheckedBytes = 512 * 1024;
/** One turn of the event loop brings what has come in, the next that it was the last; the first may be over already. */
const checkTurns = 3;

const nothing = new Uint8Array(0);

/** A connection over a socket of `node:net` or `node:tls`. */
export class StreamsConnection implements Connection {
  handler: ConnectionHandler = unattended;
  readonly #socket: Socket;
  readonly #stalls: StallDetector | undefined;
  /** Received, and not handed over yet. */
  #unread: Buffer[] = [];
  #unreadBytes = 0;
  #mostUnreadBytes = mostReadAheadBytes;
  #isPaused = true;
  #wasResumed = false;
  /** A stall was noticed: nothing is handed over until it is over. */
  #isHeld = false;
  #hasPeerEnded = false;
  #hasReportedEnd = false;
  #isClosed = false;
  /** The kernel has not taken everything yet. */
  #isBlocked = false;
  #checking: { readonly answer: (hasEnded: boolean) => void; immediate: NodeJS.Immediate } | undefined;

  /** @param stalls where nothing may be handed over that came in while the process was stalled */
  constructor(socket: Socket, stalls?: StallDetector) {
    this.#socket = socket;
    this.#stalls = stalls;
    socket.on('data', this.#received);
    socket.on('drain', this.#flushed);
    socket.on('end', this.#peerEnded);
    socket.on('error', this.#broken);
    socket.on('close', this.#broken);
  }

  get isFlushed(): boolean {
    return this.#isClosed || this.#socket.writableLength === 0;
  }

  /** Nothing is copied: chunks are not changed once they are written. */
  write(bytes: Uint8Array, start: number, end: number): boolean {
    if (this.#isClosed) return true;
    const socket = this.#socket;
    const willDrain = !socket.write(start === 0 && end === bytes.length ? bytes : bytes.subarray(start, end));
    if (socket.writableLength === 0) return true;
    // Node reports 'drain' only where more is kept than its high-water mark.
    if (!willDrain && !this.#isBlocked) socket.write(nothing, this.#flushed);
    this.#isBlocked = true;
    return false;
  }

  pause(): void {
    this.#isPaused = true;
    if (this.#wasResumed) this.#socket.pause();
  }

  resume(): void {
    if (this.#isClosed) return;
    this.#isPaused = false;
    this.#wasResumed = true;
    this.#handOver();
  }

  end(): void {
    if (!this.#isClosed) this.#socket.end();
  }

  close(): void {
    if (!this.#forget()) return;
    if (this.#socket.writableLength > 0) this.#socket.destroy();
    else this.#socket.destroySoon(); // which says goodbye in TLS
  }

  reset(): void {
    if (this.#forget()) resetSocket(this.#socket);
  }

  checkPeer(answer: (hasEnded: boolean) => void): void {
    if (this.#isClosed) return;
    if (this.#hasPeerEnded) {
      answer(true);
      return;
    }
    this.#stopChecking();
    this.#mostUnreadBytes = mostCheckedBytes;
    if (this.#unreadBytes < mostCheckedBytes) this.#socket.resume();
    this.#checkOn(answer, checkTurns);
  }

  #checkOn(answer: (hasEnded: boolean) => void, turns: number): void {
    const before = this.#unreadBytes;
    const immediate = setImmediate(() => {
      this.#checking = undefined;
      if (turns > 1) {
        // What was read has made room for more, which the peer had tried to send before.
        const isMore = this.#unreadBytes > before && this.#unreadBytes < mostCheckedBytes;
        this.#checkOn(answer, isMore ? checkTurns : turns - 1);
      } else answer(false);
    });
    this.#checking = { answer, immediate };
  }

  #stopChecking(): void {
    clearImmediate(this.#checking?.immediate);
    this.#checking = undefined;
  }

  readonly #received = (chunk: Buffer): void => {
    if (this.#isClosed) return;
    const mayHandOver = !this.#isPaused && !this.#isHeld && this.#unread.length === 0;
    if (mayHandOver && this.#stalls?.isStalled() !== true) {
      this.handler.data(this, chunk, 0, chunk.length);
      return;
    }
    this.#unread.push(chunk);
    this.#unreadBytes += chunk.length;
    if (!this.#wasResumed) {
      if (this.#unreadBytes >= this.#mostUnreadBytes) this.#socket.pause();
    } else if (!this.#isPaused) this.#hold();
  };

  /** Hands over what was received, and reads on. */
  #handOver(): void {
    if (this.#isHeld) return;
    if (this.#unread.length > 0 && this.#stalls?.isStalled() === true) {
      this.#hold();
      return;
    }
    while (!this.#isPaused && !this.#isClosed) {
      const chunk = this.#unread.shift();
      if (chunk === undefined) break;
      this.#unreadBytes -= chunk.length;
      this.handler.data(this, chunk, 0, chunk.length);
    }
    if (this.#isPaused || this.#isClosed) return;
    if (this.#hasPeerEnded) this.#reportEnd();
    else this.#socket.resume();
  }

  #hold(): void {
    this.#isHeld = true;
    this.#socket.pause();
    this.#stalls?.whenOver(() => {
      this.#isHeld = false;
      if (!this.#isPaused && !this.#isClosed) this.#handOver();
    });
  }

  readonly #peerEnded = (): void => {
    this.#hasPeerEnded = true;
    if (this.#isClosed) return;
    const { answer } = this.#checking ?? {};
    this.#stopChecking();
    if (answer) answer(true);
    else if (!this.#wasResumed) this.handler.ending(this, this.#unreadBytes > 0);
    else if (!this.#isPaused && !this.#isHeld && this.#unread.length === 0) this.#reportEnd();
  };

  #reportEnd(): void {
    if (this.#hasReportedEnd) return;
    this.#hasReportedEnd = true;
    this.handler.ended(this);
  }

  readonly #flushed = (): void => {
    if (!this.#isBlocked || this.#isClosed) return;
    if (this.#socket.writableLength > 0) {
      // More was written meanwhile.
      if (!this.#socket.writableNeedDrain) this.#socket.write(nothing, this.#flushed);
      return;
    }
    this.#isBlocked = false;
    this.handler.writable(this);
  };

  /** An error, or the end of a socket that nobody here has closed. One whose directions have both ended closes by itself. */
  readonly #broken = (error?: unknown): void => {
    const isOver = this.#hasPeerEnded && this.#socket.writableFinished && !(error instanceof Error);
    if (isOver || !this.#forget()) return;
    this.handler.gone(this);
  };

  /** Nothing more is reported of it. @returns whether it was open */
  #forget(): boolean {
    if (this.#isClosed) return false;
    this.#isClosed = true;
    this.#stopChecking();
    this.#unread = [];
    return true;
  }
}

/**
 * Resets the connection of a socket. On Linux a peer still reads what arrived before the reset; a client that is blocked
 * writing, or that has half-closed and would take a FIN for the end of its answer, is ended too.
 */
export function resetSocket(socket: Socket): void {
  const bearer = bearerOf(socket) ?? socket;
  // Only TCP has a reset, and libuv does not reset a socket whose shutdown is still on its way (uv_tcp_close_reset).
  const isTcp = bearer.constructor === Socket && bearer.remotePort !== undefined;
  if (isTcp && (!socket.writableEnded || socket.writableFinished)) bearer.resetAndDestroy();
  socket.destroy();
}
