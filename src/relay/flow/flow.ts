import type { Connection, ConnectionHandler } from '../io/connection.ts';

/** Which side of a client did something: the client itself, or the server that it is attached to. */
export type Side = 'downstream' | 'upstream';

/** What a server may say at the head of a reply that makes it suspect as a master. */
export const suspectWords = ['READONLY', 'MASTERDOWN', 'LOADING'] as const;
export type SuspectWord = (typeof suspectWords)[number];

/**
 * What is carried between one client and its upstream, and how. A flow is the handler of both connections once it is attached;
 * it alone reads from and writes to them.
 */
export interface Flow extends ConnectionHandler {
  /** Bytes carried towards the server so far. */
  readonly upstreamBytes: number;
  /** Bytes carried towards the client so far. */
  readonly downstreamBytes: number;
  /** Whether the client has asked something that has not been answered. */
  readonly isUnanswered: boolean;
  /** Begins to carry between the client and this upstream. */
  attach(upstream: Connection): void;
  /** Reads nothing more from the client once what it has asked is answered. Idempotent. */
  freeze(): void;
  /** Reads from the client again. Idempotent. */
  thaw(): void;
  /** The upstream is about to be closed by a fence. @returns what becomes of the client */
  upstreamLost(): 'cut' | 'waits';
}

/** Whom a flow reports to: the client that it belongs to. */
export interface FlowOwner {
  /** The first bytes of a server have come. */
  firstReply(): void;
  /** A reply began with a word that a usable master does not say. A hint, never a fact. */
  suspectReply(word: SuspectWord): void;
  /** The server ended the connection, or broke it off, and the client had not asked for that. Called before `halfClosed` or `finished`. */
  serverDropped(): void;
  /** One side has ended while the other goes on. */
  halfClosed(by: Side): void;
  /** Both sides are done, and both connections are closed. @param by who ended first */
  finished(by: Side): void;
  /** The client begins to replicate. Nothing of what was just read from it was sent on. */
  replicates(): void;
}

/** What a flow knows of its client: whose connection it is, and what its listener allows. */
export interface FlowClient extends FlowOwner {
  readonly connection: Connection;
  readonly allowsReplication: boolean;
}

/** Makes the flow of a client. */
export type CreateFlow = (client: FlowClient, counts: ByteCounts) => Flow;

/** Where the bytes of all clients of a tunnel are counted. */
export interface ByteCounts {
  addUpstream(bytes: number): void;
  addDownstream(bytes: number): void;
}
