import type { Flow, FlowClient, Side, SuspectWord } from '../flow/flow.ts';
import type { Connection, ConnectionHandler } from '../io/connection.ts';
import type { Upstream } from './upstream.ts';

/** The life of a client: it waits for an upstream, is attached to one, perhaps to one after another, and ends. */
export type ClientState = 'waiting' | 'attached' | 'ended';

/** The legal moves. `docs/architecture.md` prints the same table and a test compares them. */
export const clientMoves = {
  waiting: ['attached', 'ended'],
  attached: ['waiting', 'ended'],
  ended: [],
} as const satisfies Record<ClientState, readonly ClientState[]>;

/** Who hears what happens to a client. */
export interface ClientOwner {
  /** A client that waits sends nothing more. @param hasUnread whether it sent something before that */
  clientEnding(client: Client, hasUnread: boolean): void;
  /** The connection of a client that waits is broken. */
  clientGone(client: Client): void;
  clientFinished(client: Client, by: Side): void;
  clientHalfClosed(client: Client, by: Side): void;
  clientReplicates(client: Client): void;
  firstReply(client: Client): void;
  suspectReply(client: Client, word: SuspectWord): void;
  serverDropped(client: Client): void;
}

/**
 * One accepted connection, from accept to close, and what is known of it. It handles its connection while it waits; its flow
 * does once it is attached.
 */
export class Client implements ConnectionHandler, FlowClient {
  state: ClientState = 'waiting';
  readonly id: number;
  /** When it was admitted, in milliseconds. */
  readonly admittedMs: number;
  readonly connection: Connection;
  readonly allowsReplication: boolean;
  /** Since when it waits, where it does; in milliseconds. */
  waitingSinceMs: number;
  flow: Flow | undefined = undefined;
  /** The one that is dialled for it, or that it is attached to. */
  upstream: Upstream<Client> | undefined = undefined;
  /** When it is dialled for again, while it waits because a dial failed; in milliseconds. */
  retryMs: number | undefined = undefined;
  /** It sends nothing more; what it sent before is unread. */
  hasEnded = false;
  /** Whether it holds a permit to be here, and one to wait. */
  hasPermit = false;
  hasWaitingPermit = false;
  readonly #owner: ClientOwner;

  constructor(
    id: number,
    admittedMs: number,
    connection: Connection,
    allowsReplication: boolean,
    owner: ClientOwner,
  ) {
    this.id = id;
    this.admittedMs = admittedMs;
    this.waitingSinceMs = admittedMs;
    this.connection = connection;
    this.allowsReplication = allowsReplication;
    this.#owner = owner;
    connection.handler = this;
  }

  /** Bytes carried either way: where the number stays the same, nothing has moved. */
  get relayedBytes(): number {
    return this.flow === undefined ? 0 : this.flow.upstreamBytes + this.flow.downstreamBytes;
  }

  // Its connection, while it waits: nothing is read from it, and nothing is written to it.

  ending(_connection: Connection, hasUnread: boolean): void {
    this.#owner.clientEnding(this, hasUnread);
  }

  gone(): void {
    this.#owner.clientGone(this);
  }

  data(): void {
    throw new Error('A client that waits was read from');
  }

  ended(): void {
    throw new Error('A client that waits was read from');
  }

  writable(): void {
    throw new Error('A client that waits was written to');
  }

  writeFailed(): void {
    throw new Error('A client that waits was written to');
  }

  // Its flow, once it is attached.

  firstReply(): void {
    this.#owner.firstReply(this);
  }

  suspectReply(word: SuspectWord): void {
    this.#owner.suspectReply(this, word);
  }

  serverDropped(): void {
    this.#owner.serverDropped(this);
  }

  halfClosed(by: Side): void {
    this.#owner.clientHalfClosed(this, by);
  }

  finished(by: Side): void {
    this.#owner.clientFinished(this, by);
  }

  replicates(): void {
    this.#owner.clientReplicates(this);
  }
}
