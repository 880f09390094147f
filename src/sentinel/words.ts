import type { ErrorCode } from '../errors.ts';
import type { AddressMap } from '../net/address-map.ts';
import type { Endpoint } from '../net/endpoint.ts';
import { announcedEndpoint } from './announced.ts';
import { denialOf, explainDenial } from './denial.ts';
import { asMap, ReplyError, type Reply } from './resp.ts';

/** What one Sentinel answers when asked for one master. */
export type Answer =
  | {
      readonly kind: 'address';
      readonly endpoint: Endpoint;
      /** `config-epoch` of `SENTINEL MASTER`; `undefined` where that may not be asked. */
      readonly epoch: number | undefined;
      readonly flags: readonly string[];
    }
  /** It does not monitor that name. */
  | { readonly kind: 'unknown' }
  /** It answered, but not with an address: `-NOAUTH`, `-IDONTKNOW`, a port of 0, … */
  | { readonly kind: 'error'; readonly text: string; readonly code?: ErrorCode }
  /** It did not answer. */
  | { readonly kind: 'unreachable'; readonly text: string; readonly code?: ErrorCode };

/** Another Sentinel, as one of them names it. */
export interface Named {
  readonly id: string | undefined;
  readonly endpoint: Endpoint;
  readonly isUp: boolean;
}

/**
 * Joins the replies to `SENTINEL MASTER` and `SENTINEL get-master-addr-by-name`.
 *
 * The address comes from the second alone: on the leader of a failover the first still prints the old address, with
 * the new epoch, until the failover ends (redis 7.0.15, sentinel.c, addReplySentinelRedisInstance).
 */
export function readAnswer(address: Reply, master: Reply, map: AddressMap = []): Answer {
  if (address instanceof ReplyError) {
    const code = denialOf(address.text);
    return { kind: 'error', text: explainDenial(address.text), ...(code && { code }) };
  }
  if (address === null) return { kind: 'unknown' };
  const parts: readonly Reply[] = Array.isArray(address) ? address : [];
  const [host, port] = parts;
  if (parts.length !== 2 || typeof host !== 'string' || typeof port !== 'string') {
    return { kind: 'error', text: 'the answer is not an address' };
  }
  const endpoint = announcedEndpoint(host, port, map);
  if (!endpoint) return { kind: 'error', text: `nobody can connect to "${host}" port "${port}"` };
  const facts = asMap(master);
  const epoch = facts.get('config-epoch');
  return {
    kind: 'address',
    endpoint,
    epoch: epoch !== undefined && /^\d{1,15}$/.test(epoch) ? Number(epoch) : undefined,
    flags: facts.get('flags')?.split(',') ?? [],
  };
}

/** Reads the reply to `SENTINEL SENTINELS`; entries that make no sense are left out. */
export function readSentinels(reply: Reply, map: AddressMap = []): readonly Named[] {
  if (!Array.isArray(reply)) return [];
  return (reply as readonly Reply[]).flatMap((entry) => {
    const facts = asMap(entry);
    const endpoint = announcedEndpoint(facts.get('ip') ?? '', facts.get('port') ?? '', map);
    if (!endpoint) return [];
    const flags = facts.get('flags')?.split(',') ?? [];
    return [
      {
        id: facts.get('runid'),
        endpoint,
        isUp: !flags.includes('s_down') && !flags.includes('disconnected'),
      },
    ];
  });
}

/** What a Sentinel published, as far as it concerns one master. Always a hint; `promoting` may also fence. */
export type Announcement = {
  /** The master name it is about. */
  readonly name: string;
  readonly channel: string;
  readonly payload: string;
} & (
  | {
      readonly kind: 'promoting';
      readonly candidate: Endpoint;
      readonly master: Endpoint;
      /** Whether the candidate has been told to become master, and not only chosen. */
      readonly isOrdered: boolean;
    }
  | { readonly kind: 'aborted' }
  | { readonly kind: 'hint' }
);

/**
 * The channels we subscribe to, most needed first; each by a SUBSCRIBE of its own, since one forbidden channel makes
 * a SUBSCRIBE of several fail as a whole. Names from redis 7.0.15, sentinel.c, sentinelEvent.
 */
export const channels = [
  '+switch-master',
  '+failover-state-send-slaveof-noone',
  '+failover-state-wait-promotion',
  '-failover-abort-not-elected',
  '-failover-abort-no-good-slave',
  '-failover-abort-slave-timeout',
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

/** Said by the elected leader alone, just before it makes the named replica a master. */
const ordered = '+failover-state-wait-promotion';
export const promotionChannels = ['+failover-state-send-slaveof-noone', ordered] as const;
const promoting = new Set<string>(promotionChannels);

/**
 * Reads one published message.
 *
 * Payloads are `<type> <name> <ip> <port>`, for anything but a master followed by `@ <master> <ip> <port>`; only
 * `+switch-master` is `<master> <old ip> <old port> <new ip> <new port>`.
 *
 * @returns the announcement, or `undefined` where it names no master
 */
export function readAnnouncement(
  channel: string,
  payload: string,
  map: AddressMap = [],
): Announcement | undefined {
  const words = payload.split(' ');
  if (channel === '+switch-master') {
    const [name = ''] = words;
    return name === '' ? undefined : { kind: 'hint', name, channel, payload };
  }
  const [type, own, host = '', port = '', at, master, masterHost = '', masterPort = ''] = words;
  const name = at === '@' ? master : type === 'master' ? own : undefined;
  if (name === undefined || name === '') return undefined;
  if (promoting.has(channel)) {
    const candidate = announcedEndpoint(host, port, map);
    const from = announcedEndpoint(masterHost, masterPort, map);
    if (candidate && from) {
      const isOrdered = channel === ordered;
      return { kind: 'promoting', name, channel, payload, candidate, master: from, isOrdered };
    }
  }
  return { kind: channel.startsWith('-failover-abort-') ? 'aborted' : 'hint', name, channel, payload };
}
