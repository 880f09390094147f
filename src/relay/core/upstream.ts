import type { Endpoint } from '../../net/endpoint.ts';
import type { Connection, Dial, Dialler, DialHandler } from '../io/connection.ts';
import type { ClientTls } from '../../net/tls.ts';

/** The life of an upstream: it is dialled, carries, and is closed. */
export type UpstreamState = 'connecting' | 'ready' | 'closed';

/** The legal moves. `docs/architecture.md` prints the same table and a test compares them. */
export const upstreamMoves = {
  connecting: ['ready', 'closed'],
  ready: ['closed'],
  closed: [],
} as const satisfies Record<UpstreamState, readonly UpstreamState[]>;

/** Who hears what becomes of a dial. `C` is what stands for a client. */
export interface UpstreamOwner<C> {
  upstreamConnected(upstream: Upstream<C>, connection: Connection): void;
  upstreamFailed(upstream: Upstream<C>, code: string): void;
}

/** One connection to a server, from its dial on. It belongs to the generation under which it was dialled, and never changes that. */
export class Upstream<C> implements DialHandler {
  readonly generation: number;
  readonly endpoint: Endpoint;
  /** For whom it was dialled. */
  readonly client: C;
  /** When its dial began, and when that has to have succeeded, in milliseconds. */
  readonly dialledMs: number;
  untilMs: number;
  #state: UpstreamState = 'connecting';
  #dial: Dial | undefined;
  #connection: Connection | undefined;
  readonly #owner: UpstreamOwner<C>;

  constructor(
    generation: number,
    endpoint: Endpoint,
    client: C,
    owner: UpstreamOwner<C>,
    dialledMs: number,
    untilMs: number,
  ) {
    this.generation = generation;
    this.endpoint = endpoint;
    this.client = client;
    this.#owner = owner;
    this.dialledMs = dialledMs;
    this.untilMs = untilMs;
  }

  get state(): UpstreamState {
    return this.#state;
  }

  begin(dialler: Dialler, tls: ClientTls | undefined): void {
    this.#dial = dialler.dial(this.endpoint, tls, this);
  }

  connected(connection: Connection): void {
    this.#dial = undefined;
    this.#connection = connection;
    this.#move('ready');
    this.#owner.upstreamConnected(this, connection);
  }

  dialFailed(code: string): void {
    this.#dial = undefined;
    this.#owner.upstreamFailed(this, code);
  }

  /** Gives up its dial, or closes its connection in good order. Idempotent. */
  close(): void {
    if (this.#state === 'closed') return;
    this.#dial?.abandon();
    this.#connection?.close();
    this.#move('closed');
  }

  /** Gives up its dial, or resets its connection: nothing more goes either way. Idempotent. */
  reset(): void {
    if (this.#state === 'closed') return;
    this.#dial?.abandon();
    this.#connection?.reset();
    this.#move('closed');
  }

  #move(to: UpstreamState): void {
    const legal: readonly UpstreamState[] = upstreamMoves[this.#state];
    if (!legal.includes(to)) throw new Error(`An upstream cannot go from ${this.#state} to ${to}`);
    this.#state = to;
  }
}
