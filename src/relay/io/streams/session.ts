import { Socket } from 'node:net';
import { bearerOf } from '../../../net/tls.ts';
import { Session, type Side } from '../../core/session.ts';

/** What a client may send before its session relays is kept up to this many bytes; the rest waits in the kernel. */
const mostEarlyBytes = 64 * 1024;
/** More of a client that has waited is read before it is dialled, to find out whether its end is behind: what a kernel keeps of who is not read from. */
const mostLookedBytes = 512 * 1024;
/** One turn of the event loop tells what has come in, the next that it was the last; the first may be over already. */
const lookTurns = 3;

/** A session with its two sockets. */
export class StreamsSession extends Session {
  readonly downstream: Socket;
  /** The socket dialled, then the one relayed to. */
  upstream: Socket | undefined;
  /** Where bytes of the client go: the upstream while the session relays to it. */
  sink: Socket | undefined;
  /** The last that the client has sent was QUIT. */
  isQuitting = false;
  /** Whoever ended first. */
  endedBy: Side | undefined;
  /** Its dial is to begin from within `admit`: it has never waited. */
  isNew = true;
  #looking: NodeJS.Immediate | undefined;
  #mostEarlyBytes = mostEarlyBytes;
  #early: Buffer[] = [];
  #earlyBytes = 0;

  constructor(id: number, admittedMs: number, downstream: Socket) {
    super(id, admittedMs);
    this.downstream = downstream;
  }

  get isPending(): boolean {
    const { kind } = this.phase;
    return kind === 'waiting' || kind === 'dialling' || kind === 'retrying';
  }

  get hasEarlyBytes(): boolean {
    return this.#earlyBytes > 0;
  }

  #look(goOn: () => void, turns: number): void {
    const before = this.#earlyBytes;
    this.#looking = setImmediate(() => {
      if (turns > 1) {
        // What was read has made room for more, which the client had tried to send before.
        const isMore = this.#earlyBytes > before && this.#earlyBytes < mostLookedBytes;
        this.#look(goOn, isMore ? lookTurns : turns - 1);
        return;
      }
      this.#looking = undefined;
      goOn();
    });
  }

  /** Keeps bytes until there is somewhere to send them. Reading goes on meanwhile, or a client's leaving would not be seen. */
  keepEarly(chunk: Buffer): void {
    this.#early.push(chunk);
    this.#earlyBytes += chunk.length;
    if (this.#earlyBytes >= this.#mostEarlyBytes) this.downstream.pause();
  }

  /** Whether it is being found out that the client has ended while it waited. */
  get isLooking(): boolean {
    return this.#looking !== undefined;
  }

  /** Reads whatever has come in by now; then goes on, unless `stopLooking` was called. */
  look(goOn: () => void): void {
    this.#mostEarlyBytes = mostLookedBytes;
    if (this.#earlyBytes < mostLookedBytes) this.downstream.resume();
    this.#look(goOn, lookTurns);
  }

  stopLooking(): void {
    clearImmediate(this.#looking);
    this.#looking = undefined;
  }

  /** Begins to send the client's bytes on, those kept so far first. */
  openSink(upstream: Socket): void {
    this.sink = upstream;
    for (const chunk of this.#early) upstream.write(chunk);
    this.upstreamBytes += this.#earlyBytes;
    if (this.#earlyBytes > 0) this.isAsking = true;
    this.dropEarly();
    if (upstream.writableNeedDrain) this.downstream.pause();
    else this.downstream.resume();
  }

  dropEarly(): void {
    this.#early = [];
    this.#earlyBytes = 0;
  }
}

/**
 * Closes a socket so that nothing more goes either way, not even what the kernel holds unsent. With an orderly close the
 * kernel would still deliver it: commands to a server that is no longer the master, or minutes later the rest of a
 * reply to a client that reads slowly. A reset also ends a client that is blocked writing, or that has half-closed
 * and would take a FIN for the end of its answer. (On Linux a client still reads what arrived before the reset.)
 */
export function reset(socket: Socket): void {
  const bearer = bearerOf(socket) ?? socket;
  // Only TCP has a reset, and libuv does not reset a socket whose shutdown is still on its way (uv_tcp_close_reset).
  const isTcp = bearer.constructor === Socket && bearer.remotePort !== undefined;
  if (isTcp && (!socket.writableEnded || socket.writableFinished)) bearer.resetAndDestroy();
  socket.destroy();
}
