import type { SessionOwner, Socket } from './socket.ts';

/** Who lives in a loop: it has sessions, listeners and deadlines, and does its part of each turn. */
export interface LoopMember extends SessionOwner {
  /** When `settle` has something to do although nothing happens, on the clock of `performance.now`. */
  readonly dueMs: number;
  /** @returns whether the listener belongs here */
  accept(listener: Socket): boolean;
  /** Does what has come due. */
  settle(): void;
  /** Tells what happened in this turn, once its descriptors are closed. */
  publish(): void;
}
