import type { Endpoint } from '../../net/endpoint.ts';
import type { ClientTls } from '../../net/tls.ts';

/**
 * One socket, accepted or dialled, whatever carries it. This is all that a flow and the rules of a tunnel see of I/O.
 *
 * A connection begins paused. Calls on a connection that is closed do nothing, and its handler is not called again after
 * `close` or `reset` has returned.
 */
export interface Connection {
  /** Who is called about this connection; may be replaced at any time. */
  handler: ConnectionHandler;
  /** Whether everything written so far has been taken by the kernel. Always so once the connection is closed. */
  readonly isFlushed: boolean;
  /**
   * Sends the bytes from `start` to `end`. They may be changed by the caller as soon as this returns.
   *
   * @returns whether the kernel took all of them. Where not, the rest is kept, `writable` is called when it is gone, and the
   *   caller stops until then: what is written meanwhile is kept too.
   */
  write(bytes: Uint8Array, start: number, end: number): boolean;
  /** Reads nothing more, for now. What was received before may still be handed over. Idempotent. */
  pause(): void;
  /** Reads, and hands over what was received meanwhile; `data` and `ended` may be called before this returns. Idempotent. */
  resume(): void;
  /** Ends our direction once everything written is sent; the other direction goes on. Idempotent. */
  end(): void;
  /** Closes in good order: what the kernel has taken is still sent. To be called when `isFlushed`, or where the rest does not matter. */
  close(): void;
  /**
   * Closes so that nothing more goes either way, not even what the kernel holds unsent, and the peer sees a reset. An orderly
   * close would still deliver that: commands to a server that is no longer the master, or minutes later the rest of a reply.
   */
  reset(): void;
  /**
   * Finds out whether the peer of a connection that was never resumed has ended, looking past what is left to be read. The
   * answer may come before this returns; none comes once the connection is closed, or this is called again.
   */
  checkPeer(answer: (hasEnded: boolean) => void): void;
}

/** What happens to a connection. */
export interface ConnectionHandler {
  /** Bytes were received: from `start` to `end` of `bytes`, which are lent for this call. */
  data(connection: Connection, bytes: Uint8Array, start: number, end: number): void;
  /** All that `write` had to keep is sent. */
  writable(connection: Connection): void;
  /** The peer has ended its direction, and everything that it sent was handed over. Called once. */
  ended(connection: Connection): void;
  /**
   * The peer of a connection that was never resumed has ended its direction. `ended` follows after `resume`.
   *
   * @param hasUnread whether it sent something before that
   */
  ending(connection: Connection, hasUnread: boolean): void;
  /**
   * The peer takes nothing more. What it has sent before can still be read; what is written goes nowhere. May be called before
   * `write` returns.
   */
  writeFailed(connection: Connection): void;
  /** The connection is broken, and is closed now. */
  gone(connection: Connection): void;
}

/** The handler of a connection that has none yet. */
export const unattended: ConnectionHandler = {
  data: () => undefined,
  writable: () => undefined,
  ended: () => undefined,
  ending: () => undefined,
  writeFailed: () => undefined,
  gone: () => undefined,
};

/** What becomes of a dial. One of the two is called, once, and never before `dial` has returned. */
export interface DialHandler {
  connected(connection: Connection): void;
  /** @param code an errno name such as `ECONNREFUSED`, or `whyOwn` for a listener of this process */
  dialFailed(code: string): void;
}

/** A dial that is under way. */
export interface Dial {
  /** Gives it up: its handler is not called any more. Idempotent; does nothing to a connection that was handed over. */
  abandon(): void;
}

/** Opens connections to servers. */
export interface Dialler {
  /** @param tls how to speak TLS there; plain without it. The handshake is part of the dial. */
  dial(endpoint: Endpoint, tls: ClientTls | undefined, handler: DialHandler): Dial;
}
