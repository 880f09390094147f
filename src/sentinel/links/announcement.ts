import type { Endpoint } from '../../net/endpoint.ts';
import { localOrigin, readReported } from '../../redis/reported-address.ts';

/** A message that a Sentinel published about one master. Always a hint; `promoting` may also fence. */
export type Announcement = {
  /** The name of the master. */
  readonly name: string;
  readonly channel: string;
  readonly payload: string;
} & (
  | {
      readonly kind: 'promoting';
      readonly candidate: Endpoint;
      /** Whether the candidate can be dialled from here. */
      readonly isReachable: boolean;
      readonly master: Endpoint;
      /** Whether the candidate has been ordered to become master, and not only selected. */
      readonly isOrdered: boolean;
    }
  /** A failover that the Sentinel was leading has ended without a new master. */
  | { readonly kind: 'ended' }
  /** The Sentinel makes this server a replica. */
  | { readonly kind: 'demoting'; readonly server: Endpoint }
  | { readonly kind: 'hint' }
);

/**
 * The channels we subscribe to, the most important first. Each has a SUBSCRIBE of its own, because one forbidden channel
 * makes a SUBSCRIBE of several fail as a whole. Names from redis 7.0.15, sentinel.c, sentinelEvent.
 */
export const channels = [
  '+switch-master',
  '+failover-state-send-slaveof-noone',
  '+failover-state-wait-promotion',
  '-failover-abort-not-elected',
  '-failover-abort-no-good-slave',
  '-failover-abort-slave-timeout',
  '-failover-abort-master-timeout',
  '+promoted-slave',
  '+failover-state-reconf-slaves',
  '+config-update-from',
  '+failover-end',
  '+failover-end-for-timeout',
  '+monitor',
  '-monitor',
  '+reset-master',
  '+sentinel',
  '+try-failover',
  '+elected-leader',
  '+selected-slave',
  '+sdown',
  '-sdown',
  '+odown',
  '-odown',
  '+reboot',
  '+convert-to-slave',
  '+tilt',
  '-tilt',
] as const;

/** Published by the elected leader alone, just before it makes the named replica a master. */
const orderChannel = '+failover-state-wait-promotion';
/** Published by the elected leader: it selects a replica, and then orders it to become master. */
export const promotionChannels = ['+failover-state-send-slaveof-noone', orderChannel] as const;
const promoting = new Set<string>(promotionChannels);
/**
 * Each of these ends a failover without a new master: its leader aborts it, or an operator makes the leader forget the
 * master (`SENTINEL RESET`, `SENTINEL REMOVE`). sentinel.c of Redis 6.0 to 8.4 and Valkey 7.2 to 9.0 has no others
 * (callers of sentinelAbortFailover and sentinelResetMaster); only Valkey 9.0 has `-failover-abort-master-timeout`.
 */
const endChannels = [
  '-failover-abort-not-elected',
  '-failover-abort-no-good-slave',
  '-failover-abort-slave-timeout',
  '-failover-abort-master-timeout',
  '+reset-master',
  '-monitor',
] as const;
/** Published by any Sentinel that makes a replica of a server which says it is a master: its promotion is undone. */
const demotionChannel = '+convert-to-slave';
const ends = new Set<string>(endChannels);

/** Payloads are addresses and names; Sentinel publishes nothing longer than this. */
const longestPayload = 2_048;
/** The part of a payload that is kept for logs. */
const keptPayload = 512;

/**
 * Reads one published message.
 *
 * A payload is `<type> <name> <ip> <port>`, followed by `@ <master> <ip> <port>` unless the type is `master`; only
 * `+switch-master` is `<master> <old ip> <old port> <new ip> <new port>`.
 *
 * @param origin where the Sentinel runs
 * @returns `undefined` where the message names no master
 */
export function readAnnouncement(
  channel: string,
  text: string,
  origin = localOrigin,
): Announcement | undefined {
  if (text.length > longestPayload) return undefined;
  const payload = text.slice(0, keptPayload);
  const parts = text.split(' ');
  if (channel === '+switch-master') {
    const [name = ''] = parts;
    return name === '' ? undefined : { kind: 'hint', name, channel, payload };
  }
  const [type, own, host = '', port = '', at, master, masterHost = '', masterPort = ''] = parts;
  const name = at === '@' ? master : type === 'master' ? own : undefined;
  if (name === undefined || name === '') return undefined;
  if (promoting.has(channel)) {
    const candidate = readReported(host, port, origin);
    const from = readReported(masterHost, masterPort, origin);
    if (candidate && from) {
      const isOrdered = channel === orderChannel;
      return {
        ...{ kind: 'promoting', name, channel, payload, isOrdered },
        ...{ candidate: candidate.endpoint, isReachable: candidate.isReachable, master: from.endpoint },
      };
    }
  }
  if (channel === demotionChannel) {
    const server = readReported(host, port, origin)?.endpoint;
    if (server) return { kind: 'demoting', name, channel, payload, server };
  }
  return { kind: ends.has(channel) ? 'ended' : 'hint', name, channel, payload };
}

/** @returns the consequence of missing these channels; the worst of several */
export function effectOfMissing(missing: readonly string[]): string {
  const isMissing = (channel: string): boolean => missing.includes(channel);
  const promotions = promotionChannels.filter(isMissing).length;
  if (promotions === promotionChannels.length) {
    return 'the failovers that it leads are noticed by its answer, about a second later, without an early fence';
  }
  if (promotions > 0) return 'the failovers that it leads may be fenced some 100 ms later';
  if (endChannels.some(isMissing)) {
    return 'a failover that it aborts keeps clients waiting for up to 5 s';
  }
  return 'failovers are followed as usual, their stories lack these lines';
}
