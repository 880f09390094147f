import { messageOf, TunnelError } from '../../errors.ts';
import { Backoff } from '../../lifecycle/backoff.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import type { Access } from '../../net/tls.ts';
import type { Connection } from '../../redis/connection.ts';
import { ReplyError } from '../../redis/resp.ts';
import { channels } from './announcement.ts';
import { readMyId } from './answer.ts';
import { deniedMs, denialOf } from './denial.ts';
import { Pulse } from './pulse.ts';
import { connectToSentinel, myIdCommand } from './query.ts';

/** A change of a subscription. */
export type SubscriptionEvent =
  /** `refused` are the channels that we may not subscribe to, `id` is the run id of the Sentinel, where it tells it. */
  | { readonly kind: 'subscribed'; readonly refused: readonly string[]; readonly id: string | undefined }
  /** We may not subscribe to any channel. The next attempt is made after `refusedRetryMs`. */
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'ended'; readonly why: string };

/** A message as it was published. */
export interface PublishedMessage {
  readonly channel: string;
  readonly payload: string;
  /** Whether the Sentinel runs on another host. */
  readonly isRemote: boolean;
  /** The run id of the Sentinel, where it tells it: behind one address the queries may reach another one. */
  readonly id: string | undefined;
}

/** What a subscription reports, with the link that it belongs to. The callbacks must not throw. */
export interface SubscriptionCallbacks<Link> {
  published(link: Link, message: PublishedMessage): void;
  subscription(link: Link, event: SubscriptionEvent): void;
}

/** How to reach the Sentinel. */
export interface SubscriptionOptions {
  readonly endpoint: Endpoint;
  readonly access: Access;
  /** Deadline for connecting and for each reply, in milliseconds. */
  readonly replyMs: number;
}

/** A subscriber may hear nothing for days, and only a PING tells a quiet Sentinel from a dead connection; in milliseconds. */
const pingEveryMs = 5_000;
const pongMs = 2_500;
const refusedRetryMs = 30_000;
const firstRetryMs = 250;
const maxRetryMs = 5_000;

/** Keeps one subscription to a Sentinel: connects, subscribes to each channel, pings, and starts again when it ends. */
export class Subscription<Link> {
  readonly #link: Link;
  readonly #options: SubscriptionOptions;
  readonly #callbacks: SubscriptionCallbacks<Link>;
  readonly #closing = new AbortController();
  readonly #backoff = new Backoff(firstRetryMs, maxRetryMs);
  readonly #pulse: Pulse;
  #connection: Connection | undefined;

  constructor(link: Link, options: SubscriptionOptions, callbacks: SubscriptionCallbacks<Link>) {
    this.#link = link;
    this.#options = options;
    this.#callbacks = callbacks;
    this.#pulse = new Pulse(firstRetryMs, () => this.#round());
  }

  start(): void {
    this.#pulse.start();
  }

  /** Resolves when everything that was published until now has been reported, or when there is no subscription. */
  async flushed(): Promise<void> {
    try {
      await this.#connection?.send(['PING'], pongMs); // replies and messages come in order
    } catch {
      // The connection has ended, and `onEnded` has reported it.
    }
  }

  close(): void {
    this.#closing.abort();
    this.#pulse.close();
    this.#connection?.close();
  }

  /** Subscribes if there is no subscription, pings if there is. @returns the wait until the next round, in milliseconds */
  async #round(): Promise<number> {
    try {
      if (!this.#connection) return await this.#subscribe();
      await this.#connection.send(['PING'], pongMs);
      return pingEveryMs;
    } catch (error) {
      if (error instanceof TunnelError && error.code === 'ST_SENTINEL_AUTH') return deniedMs;
      // `onEnded` reports the end of a connection; the queries report that none can be opened.
      return this.#backoff.next();
    }
  }

  async #subscribe(): Promise<number> {
    const { signal } = this.#closing;
    const { endpoint, access, replyMs } = this.#options;
    const connection = await connectToSentinel(endpoint, replyMs, { access, signal });
    const { isRemote } = connection;
    let id: string | undefined;
    // Before the channels have answered: what is published meanwhile counts.
    connection.onMessage((channel, payload) => {
      this.#callbacks.published(this.#link, { channel, payload, isRemote, id });
    });
    connection.onEnded((error) => {
      const wasSubscribed = this.#connection === connection;
      this.#connection = undefined;
      if (signal.aborted) return;
      this.#callbacks.subscription(this.#link, { kind: 'ended', why: messageOf(error) });
      // One that never became a subscription is tried again by the round that failed with it, with a growing delay.
      if (wasSubscribed) this.#pulse.wake();
    });
    // Sent before the first SUBSCRIBE: after it a RESP2 connection accepts no other command.
    const identified = connection.send(myIdCommand, replyMs).then((reply) => (id = readMyId(reply)));
    const [, ...replies] = await Promise.all([
      identified,
      ...channels.map((channel) => connection.send(['SUBSCRIBE', channel], replyMs)),
    ]);
    const refusal = replies.find((reply) => reply instanceof ReplyError);
    if (refusal && replies.every((reply) => reply instanceof ReplyError)) {
      connection.close();
      // The Sentinel requires a password; the queries report that.
      if (denialOf(refusal.text) === 'ST_SENTINEL_AUTH') return deniedMs;
      this.#callbacks.subscription(this.#link, { kind: 'refused', why: refusal.text });
      return refusedRetryMs;
    }
    this.#connection = connection;
    this.#backoff.reset();
    const refused = channels.filter((_, index) => replies[index] instanceof ReplyError);
    this.#callbacks.subscription(this.#link, { kind: 'subscribed', refused, id });
    return pingEveryMs;
  }
}
