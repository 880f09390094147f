import { performance } from 'node:perf_hooks';
import { partingMs } from '../../core/times.ts';
import type { Carrier } from './carrier.ts';
import { roles, type SessionOwner, type Socket } from './socket.ts';

/** What letting go of refused clients asks of the loop of descriptors. */
interface PartingPort {
  close(socket: Socket): void;
  defer(run: () => void): void;
}

/**
 * Refused clients. Each may read to the end of what it was told, for closing at once would take it back (RFC 1122, 4.2.2.13),
 * but not for long.
 */
export class Parting {
  readonly #loop: PartingPort;
  readonly #carrier: Carrier;
  /** When the time of each is over, in that order. */
  readonly #untilMs = new Map<Socket, number>();

  constructor(loop: PartingPort, carrier: Carrier) {
    this.#loop = loop;
    this.#carrier = carrier;
  }

  /** When `endDue` has something to do, on the clock of `performance.now`. */
  get dueMs(): number {
    return this.#untilMs.values().next().value ?? Infinity;
  }

  /** The client of a socket has been told all that it is going to be told. */
  begin(socket: Socket, nowMs: number): void {
    socket.role = roles.parting;
    this.#untilMs.set(socket, nowMs + partingMs);
    // What it has said already is in the way of a close without a reset.
    this.#loop.defer(() => {
      this.#carrier.discard(socket);
    });
  }

  /** A socket is closed: if its client was refused, whoever refused it hears that it has gone. */
  closed(socket: Socket): void {
    if (this.#untilMs.delete(socket)) socket.session?.door.parted();
  }

  /** Closes those whose time is over. */
  endDue(): void {
    if (this.#untilMs.size === 0) return;
    const nowMs = performance.now();
    for (const [socket, untilMs] of this.#untilMs) {
      if (untilMs > nowMs) break;
      this.#loop.close(socket);
    }
  }

  /** Closes those of a door without waiting for them. */
  endOf(door: SessionOwner): void {
    for (const socket of this.#untilMs.keys()) if (socket.session?.door === door) this.#loop.close(socket);
  }
}
