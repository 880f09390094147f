import type { Connection } from '../io/connection.ts';
import type { ByteCounts, CreateFlow, Flow, FlowClient, FlowOwner, Side } from './flow.ts';
import { endsInQuit } from './quit.ts';
import { suspectWordAt } from './suspect-reply.ts';
import { ReplicaDetector } from './replica-detector.ts';

const minus = 0x2d;

/**
 * Carries bytes as they are between one client and one upstream. Nothing is read but the head of a reply (is the server still a
 * usable master?), the end of a request (was that QUIT?) and, until it is known, whether the client is a replica.
 *
 * Each rule stands here once, for every engine: back-pressure, half-close, an end that nobody asked for, and whether a reply is
 * awaited. Replies are not counted, so a client counts as unanswered when the last bytes went towards the server.
 */
export class BytesFlow implements Flow {
  upstreamBytes = 0;
  downstreamBytes = 0;
  isUnanswered = false;
  readonly #client: Connection;
  readonly #owner: FlowOwner;
  readonly #counts: ByteCounts;
  #upstream: Connection | undefined;
  /** Looks for a replica; `undefined` once the client is known, and where replication is allowed. */
  #detector: ReplicaDetector | undefined;
  #hasReplied = false;
  /** The last that the client sent was QUIT: the server will end the connection. */
  #isQuitting = false;
  #isFreezing = false;
  /** Nothing more comes from this side. */
  #hasClientEnded = false;
  #hasUpstreamEnded = false;
  #endedFirst: Side | undefined;
  /** What is kept for a server that takes nothing more is never sent. */
  #canWriteUpstream = true;

  constructor(client: FlowClient, counts: ByteCounts) {
    this.#client = client.connection;
    this.#owner = client;
    this.#counts = counts;
    this.#detector = client.allowsReplication ? undefined : new ReplicaDetector();
  }

  attach(upstream: Connection): void {
    this.#upstream = upstream;
    this.#client.handler = this;
    upstream.handler = this;
    upstream.resume();
    this.#client.resume();
  }

  freeze(): void {
    this.#isFreezing = true;
    // Half of a command would never be answered: who waits for an answer is read from until that begins.
    if (!this.isUnanswered) this.#client.pause();
  }

  thaw(): void {
    this.#isFreezing = false;
    this.#readClient();
  }

  upstreamLost(): 'cut' {
    return 'cut';
  }

  data(from: Connection, bytes: Uint8Array, start: number, end: number): void {
    if (from === this.#upstream) this.#reply(from, bytes, start, end);
    else this.#request(bytes, start, end);
  }

  writable(connection: Connection): void {
    if (this.#hasClientEnded && this.#hasUpstreamEnded) this.#finishOnceFlushed();
    else if (connection === this.#upstream) this.#readClient();
    else this.#upstream?.resume();
  }

  ended(connection: Connection): void {
    const isUpstream = connection === this.#upstream;
    this.#end(isUpstream ? 'upstream' : 'downstream');
    if (this.#hasClientEnded && this.#hasUpstreamEnded) {
      this.#finishOnceFlushed();
      return;
    }
    const other = isUpstream ? this.#client : this.#upstream;
    other?.end();
    this.#owner.halfClosed(isUpstream ? 'upstream' : 'downstream');
  }

  ending(): void {
    // Both sides are read from.
  }

  /** A server that takes nothing more may have said why: that is read to its end, while the client's words go nowhere. */
  writeFailed(connection: Connection): void {
    if (connection === this.#client) {
      this.#end('downstream');
      this.#finish();
      return;
    }
    this.#endedBy('upstream');
    this.#canWriteUpstream = false;
    this.#hasClientEnded = true;
    this.#client.pause();
    if (this.#hasUpstreamEnded) this.#finishOnceFlushed();
    else this.#owner.halfClosed('upstream');
  }

  /** What a server has said still reaches the client, as it would without a tunnel. */
  gone(connection: Connection): void {
    const isUpstream = connection === this.#upstream;
    this.#end(isUpstream ? 'upstream' : 'downstream');
    if (!isUpstream || this.#client.isFlushed) {
      this.#finish();
      return;
    }
    this.#hasClientEnded = true;
    this.#client.pause();
    this.#owner.halfClosed('upstream');
  }

  #request(bytes: Uint8Array, start: number, end: number): void {
    const upstream = this.#upstream;
    if (upstream === undefined || this.#hasClientEnded) return;
    if (this.#detector !== undefined && this.#isReplica(this.#detector, bytes, start, end)) return;
    this.upstreamBytes += end - start;
    this.#counts.addUpstream(end - start);
    this.isUnanswered = true;
    this.#isQuitting = endsInQuit(bytes, start, end);
    if (!upstream.write(bytes, start, end)) this.#client.pause();
    // Received before it was frozen: what may be half of a command is read to its end.
    else if (this.#isFreezing) this.#client.resume();
  }

  #reply(upstream: Connection, bytes: Uint8Array, start: number, end: number): void {
    this.downstreamBytes += end - start;
    this.#counts.addDownstream(end - start);
    this.isUnanswered = false;
    if (!this.#hasReplied) {
      this.#hasReplied = true;
      this.#owner.firstReply();
    }
    if (bytes[start] === minus) {
      const word = suspectWordAt(bytes, start, end);
      if (word !== undefined) this.#owner.suspectReply(word);
    }
    if (this.#isFreezing) this.#client.pause();
    if (!this.#client.write(bytes, start, end)) upstream.pause();
  }

  #isReplica(detector: ReplicaDetector, bytes: Uint8Array, start: number, end: number): boolean {
    const kind = detector.look(bytes, start, end);
    if (kind === 'undecided') return false;
    this.#detector = undefined;
    if (kind === 'replica') this.#owner.replicates();
    return kind === 'replica';
  }

  /** Reads from the client, unless its server takes nothing more now or it is frozen. */
  #readClient(): void {
    if (this.#hasClientEnded || this.#upstream?.isFlushed === false) return;
    if (!this.#isFreezing || this.isUnanswered) this.#client.resume();
  }

  /** Nothing more comes from this side. */
  #end(side: Side): void {
    if (side === 'upstream') this.#hasUpstreamEnded = true;
    else this.#hasClientEnded = true;
    this.#endedBy(side);
  }

  /** Remembers who ended first. An end of the server that nobody asked for is reported. */
  #endedBy(side: Side): void {
    if (this.#endedFirst !== undefined) return;
    this.#endedFirst = side;
    if (side === 'upstream' && !this.#isQuitting) this.#owner.serverDropped();
  }

  #finishOnceFlushed(): void {
    if (this.#client.isFlushed && (!this.#canWriteUpstream || this.#upstream?.isFlushed !== false))
      this.#finish();
  }

  #finish(): void {
    this.#client.close();
    this.#upstream?.close();
    this.#owner.finished(this.#endedFirst ?? 'upstream');
  }
}

/** The flow `bytes`, for a runtime. */
export const createBytesFlow: CreateFlow = (client, counts) => new BytesFlow(client, counts);
