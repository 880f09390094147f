import { clientMoves, type Client, type ClientState } from './client.ts';
import type { Upstream } from './upstream.ts';

/**
 * The clients of a tunnel that have not ended, by what they wait for: nothing else changes the state of one.
 *
 * Waits are bounded by constants of the tunnel, so each kind of deadline is a queue in order of time: an insertion-
 * ordered set whose first member is due first.
 */
export class Clients {
  /** In order of the time since which they wait, and so of hold deadline. */
  readonly #waiting = new Set<Client>();
  /** Upstreams that are dialled, in order of dial deadline. */
  readonly #connecting = new Set<Upstream<Client>>();
  /** Those that are dialled for again, in order of time. */
  readonly #retrying = new Set<Client>();
  readonly #attached = new Set<Client>();

  get waiting(): Iterable<Client> {
    return this.#waiting;
  }

  get connecting(): Iterable<Upstream<Client>> {
    return this.#connecting;
  }

  get retrying(): Iterable<Client> {
    return this.#retrying;
  }

  get attached(): ReadonlySet<Client> {
    return this.#attached;
  }

  get size(): number {
    return this.#waiting.size + this.#attached.size;
  }

  /** How many are attached or dialled for. */
  get open(): number {
    return this.#attached.size + this.#connecting.size;
  }

  /** How many wait and are not dialled for. */
  get held(): number {
    return this.#waiting.size - this.#connecting.size;
  }

  add(client: Client): void {
    this.#waiting.add(client);
  }

  /** An upstream is dialled for a client that waits. */
  connect(client: Client, upstream: Upstream<Client>): void {
    this.#retrying.delete(client);
    client.retryMs = undefined;
    client.upstream = upstream;
    this.#connecting.add(upstream);
  }

  /** No upstream is dialled for a client that waits any more, and none will be of itself. */
  hold(client: Client): void {
    this.#forgetDial(client);
    client.retryMs = undefined;
    this.#retrying.delete(client);
  }

  /** A dial failed, and is tried again later. */
  retry(client: Client, retryMs: number): void {
    this.#forgetDial(client);
    client.retryMs = retryMs;
    this.#retrying.add(client);
  }

  attach(client: Client, upstream: Upstream<Client>): void {
    this.#connecting.delete(upstream);
    this.#waiting.delete(client);
    this.#attached.add(client);
    move(client, 'attached');
  }

  /** A client has lost its upstream and goes on. */
  detach(client: Client, nowMs: number): void {
    client.upstream = undefined;
    client.waitingSinceMs = nowMs;
    this.#attached.delete(client);
    this.#waiting.add(client);
    move(client, 'waiting');
  }

  end(client: Client): void {
    this.#forgetDial(client);
    this.#waiting.delete(client);
    this.#retrying.delete(client);
    this.#attached.delete(client);
    move(client, 'ended');
  }

  /** Gives dials that are under way so much more time, or less. */
  postponeDials(laterMs: number): void {
    for (const upstream of this.#connecting) upstream.untilMs += laterMs;
  }

  /** When the first dial, retry or hold is due, in milliseconds; `Infinity` for never. */
  dueMs(holdMs: number): number {
    let firstMs = Infinity;
    for (const { waitingSinceMs } of this.#waiting) {
      firstMs = waitingSinceMs + holdMs;
      break;
    }
    for (const { untilMs } of this.#connecting) {
      firstMs = Math.min(firstMs, untilMs);
      break;
    }
    for (const { retryMs } of this.#retrying) {
      firstMs = Math.min(firstMs, retryMs ?? Infinity);
      break;
    }
    return firstMs;
  }

  #forgetDial(client: Client): void {
    if (client.upstream) this.#connecting.delete(client.upstream);
    client.upstream = undefined;
  }
}

function move(client: Client, to: ClientState): void {
  const legal: readonly ClientState[] = clientMoves[client.state];
  if (!legal.includes(to)) throw new Error(`A client cannot go from ${client.state} to ${to}`);
  client.state = to;
}
