import { messageOf, TunnelError } from '../../errors.ts';
import { Backoff } from '../../lifecycle/backoff.ts';
import type { AddressMap } from '../../net/address-map.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import type { Access } from '../../net/tls.ts';
import { Connection } from '../../redis/connection.ts';
import { assertLoggedIn, deniedMs, denialOf } from './denial.ts';
import { Pulse } from './pulse.ts';
import { ReplyError } from '../../redis/resp.ts';
import { channels, readAnnouncement, readMyId, type Announcement } from './announcement.ts';

export type SubscriptionEvent =
  /** `refused` are the channels that are not allowed to us, `id` is the run id of the Sentinel, where it tells. */
  | { readonly kind: 'subscribed'; readonly refused: readonly string[]; readonly id: string | undefined }
  /** Not one channel is allowed to us. The connection is given up until `refusedRetryMs` have passed. */
  | { readonly kind: 'refused'; readonly why: string }
  | { readonly kind: 'ended'; readonly why: string };

/** An announcement as it is for those to whom every server of its master has one port, whatever is announced. */
export type AnnouncedAt = (port: number | undefined) => Announcement;

export interface SubscriptionPort {
  readonly addressMap: AddressMap;
  /** How to get into the Sentinel, for connections made from now on. */
  access(): Access;
  /**
   * @param id the run id of the Sentinel that announces, where it tells: another one may be asked at the same address
   * @param at the same announcement where every server has this port
   */
  announced(announcement: Announcement, id: string | undefined, at: AnnouncedAt): void;
  changed(event: SubscriptionEvent): void;
}

/** A subscriber hears nothing for days and cannot tell a quiet Sentinel from a dead link: so it asks, in milliseconds. */
const pingEveryMs = 5_000;
const pongMs = 2_500;
const refusedRetryMs = 30_000;
const firstRetryMs = 250;
const mostRetryMs = 5_000;

/** Keeps us subscribed to one Sentinel: connects, subscribes channel by channel, pings, and begins again when it ends. */
export class Subscription {
  readonly #endpoint: Endpoint;
  readonly #replyMs: number;
  readonly #port: SubscriptionPort;
  readonly #closing = new AbortController();
  readonly #backoff = new Backoff(firstRetryMs, mostRetryMs);
  readonly #pulse: Pulse;
  #connection: Connection | undefined;

  constructor(endpoint: Endpoint, replyMs: number, port: SubscriptionPort) {
    this.#endpoint = endpoint;
    this.#replyMs = replyMs;
    this.#port = port;
    this.#pulse = new Pulse(firstRetryMs, () => this.#beat());
  }

  start(): void {
    this.#pulse.start();
  }

  /** Tries again now where we are not subscribed. */
  wake(): void {
    if (!this.#connection) this.#pulse.wake();
  }

  /** Resolves when all that was announced until now has been heard, or nothing is being listened to. */
  async heard(): Promise<void> {
    try {
      await this.#connection?.ask(['PING'], pongMs); // what was said before its answer is read before it
    } catch {
      // The connection has ended, and `onEnded` has told so.
    }
  }

  close(): void {
    this.#closing.abort();
    this.#pulse.close();
    this.#connection?.close();
  }

  /** Subscribes where we are not, pings where we are; gives the wait until the next beat in milliseconds. */
  async #beat(): Promise<number> {
    try {
      if (this.#connection) {
        await this.#connection.ask(['PING'], pongMs);
        return pingEveryMs;
      }
      return await this.#subscribe();
    } catch (error) {
      if (error instanceof TunnelError && error.code === 'ST_SENTINEL_AUTH') return deniedMs;
      // The connection has ended: its `onEnded` tells, or it never stood and the question round says the same.
      return this.#backoff.next();
    }
  }

  async #subscribe(): Promise<number> {
    const connection = await Connection.open(
      this.#endpoint,
      this.#replyMs,
      this.#closing.signal,
      this.#port.access(),
    );
    assertLoggedIn(connection);
    const origin = { map: this.#port.addressMap, isRemote: connection.isRemote };
    let id: string | undefined;
    connection.onMessage((channel, payload) => {
      const announcement = readAnnouncement(channel, payload, origin);
      if (!announcement) return;
      this.#port.announced(announcement, id, (port) =>
        port === undefined
          ? announcement
          : (readAnnouncement(channel, payload, { ...origin, port }) ?? announcement),
      );
    });
    // From the first moment: what is announced while the channels are still being asked for is heard already.
    connection.onEnded((error) => {
      const hasStood = this.#connection === connection;
      this.#connection = undefined;
      if (this.#closing.signal.aborted) return;
      this.#port.changed({ kind: 'ended', why: messageOf(error) });
      // One that never stood is tried again by the beat that has failed with it, ever later.
      if (hasStood) this.#pulse.wake();
    });
    // Asked before anything is subscribed to: afterwards a RESP2 connection answers nothing else.
    const own = connection.ask(['SENTINEL', 'MYID'], this.#replyMs).then((reply) => (id = readMyId(reply)));
    const [, ...replies] = await Promise.all([
      own,
      ...channels.map((channel) => connection.ask(['SUBSCRIBE', channel], this.#replyMs)),
    ]);
    const refusal = replies.find((reply) => reply instanceof ReplyError);
    if (refusal && replies.every((reply) => reply instanceof ReplyError)) {
      connection.close();
      // It wants a password first; the questions that are asked of it say so already.
      if (denialOf(refusal.text) === 'ST_SENTINEL_AUTH') return deniedMs;
      this.#port.changed({ kind: 'refused', why: refusal.text });
      return refusedRetryMs;
    }
    this.#connection = connection;
    this.#backoff.reset();
    const refused = channels.filter((_, index) => replies[index] instanceof ReplyError);
    this.#port.changed({ kind: 'subscribed', refused, id });
    return pingEveryMs;
  }
}
