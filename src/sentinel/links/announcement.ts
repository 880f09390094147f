import type { ErrorCode } from '../../errors.ts';
import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import {
  announcedEndpoint,
  announcedSentinel,
  fromHere,
  readAnnounced,
} from '../../redis/reported-address.ts';
import { denialOf, explainDenial } from './denial.ts';
import { asMap, ReplyError, type Reply } from '../../redis/resp.ts';

/** What one Sentinel answers when asked for one master. */
export type Answer =
  | {
      readonly kind: 'address';
      readonly endpoint: Endpoint;
      /** `config-epoch` of `SENTINEL MASTER`; `undefined` where that may not be asked. */
      readonly epoch: number | undefined;
      readonly flags: readonly string[];
      /** Of the server at that address, where `SENTINEL MASTER` prints it: not at once, and not on the leader of a failover. */
      readonly runId?: string;
    }
  /** It does not monitor that name. */
  | { readonly kind: 'unknown' }
  /** It answered, but not with an address: `-NOAUTH`, `-IDONTKNOW`, a port of 0, … */
  | {
      readonly kind: 'error';
      readonly text: string;
      readonly code?: ErrorCode;
      /** Its address of the master, where that means another server from here than from there. */
      readonly announced?: Endpoint;
    }
  /** It did not answer. */
  | {
      readonly kind: 'unreachable';
      readonly text: string;
      readonly code?: ErrorCode;
      /** It has not answered in time, and may still do so: the question stands. */
      readonly isLate?: true;
    };

/** Another Sentinel, as one of them names it. */
export interface Named {
  readonly id: string | undefined;
  readonly endpoint: Endpoint;
  readonly isUp: boolean;
}

/** A server that a Sentinel watches, as it names it. */
export interface WatchedServer {
  readonly endpoint: Endpoint;
  readonly runId: string | undefined;
  readonly isUp: boolean;
}

/** Run ids have 40 hexadecimal digits (redis 7.0.15, server.h, CONFIG_RUN_ID_SIZE); what has not is no evidence. */
const runIdForm = /^[\da-f]{40}$/;

/**
 * Joins the replies to `SENTINEL MASTER` and `SENTINEL get-master-addr-by-name`.
 *
 * The address comes from the second alone: on the leader of a failover the first still prints the old address, with
 * the new epoch, until the failover ends (redis 7.0.15, sentinel.c, addReplySentinelRedisInstance).
 *
 * @param origin where the Sentinel is
 */
export function readAnswer(address: Reply, master: Reply, origin = fromHere): Answer {
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
  const announced = readAnnounced(host, port, origin);
  if (!announced) return { kind: 'error', text: `nobody can connect to "${host}" port "${port}"` };
  const { endpoint } = announced;
  if (!announced.isReachable) return { kind: 'error', text: whyUnreachable(endpoint), announced: endpoint };
  const facts = asMap(master);
  const epoch = facts.get('config-epoch');
  const runId = facts.get('ip') === host && facts.get('port') === port ? runIdIn(facts) : undefined;
  return {
    kind: 'address',
    endpoint,
    epoch: epoch !== undefined && /^\d{1,15}$/.test(epoch) ? Number(epoch) : undefined,
    flags: flagsIn(facts),
    ...(runId !== undefined && { runId }),
  };
}

/** Reads the reply to `SENTINEL SENTINELS`; entries that make no sense are left out. */
export function readSentinels(reply: Reply, origin = fromHere): readonly Named[] {
  return rowsOf(reply).flatMap((facts) => {
    const endpoint = announcedSentinel(facts.get('ip') ?? '', facts.get('port') ?? '', origin);
    return endpoint ? [{ id: facts.get('runid'), endpoint, isUp: isUp(facts) }] : [];
  });
}

/** Reads the reply to `SENTINEL REPLICAS`; entries that make no sense are left out. */
export function readServers(reply: Reply, origin = fromHere): readonly WatchedServer[] {
  return rowsOf(reply).flatMap((facts) => {
    const endpoint = announcedEndpoint(facts.get('ip') ?? '', facts.get('port') ?? '', origin);
    return endpoint ? [{ endpoint, runId: runIdIn(facts), isUp: isUp(facts) }] : [];
  });
}

/** The run id that a Sentinel gives for itself by `SENTINEL MYID`, which is known since Redis 6.2. */
export function readMyId(reply: Reply): string | undefined {
  return typeof reply === 'string' && runIdForm.test(reply) ? reply : undefined;
}

function whyUnreachable(endpoint: Endpoint): string {
  return `it reports ${formatEndpoint(endpoint)} from another host, where that means itself: have it monitor the server by an address that others reach, or map that address in addressMap`;
}

function rowsOf(reply: Reply): readonly ReadonlyMap<string, string>[] {
  return Array.isArray(reply) ? (reply as readonly Reply[]).map(asMap) : [];
}

function runIdIn(facts: ReadonlyMap<string, string>): string | undefined {
  const runId = facts.get('runid');
  return runId !== undefined && runIdForm.test(runId) ? runId : undefined;
}

function flagsIn(facts: ReadonlyMap<string, string>): readonly string[] {
  return facts.get('flags')?.slice(0, 256).split(',') ?? [];
}

function isUp(facts: ReadonlyMap<string, string>): boolean {
  const flags = flagsIn(facts);
  return !flags.includes('s_down') && !flags.includes('disconnected');
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
      /** Whether the candidate can be dialled from here. */
      readonly isReachable: boolean;
      readonly master: Endpoint;
      /** Whether the candidate has been told to become master, and not only chosen. */
      readonly isOrdered: boolean;
    }
  /** A failover that the Sentinel was leading is over without a new master. */
  | { readonly kind: 'ended' }
  /** A Sentinel makes a replica of this server. */
  | { readonly kind: 'demoting'; readonly server: Endpoint }
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

/** Said by the elected leader alone, just before it makes the named replica a master. */
const ordered = '+failover-state-wait-promotion';
export const promotionChannels = ['+failover-state-send-slaveof-noone', ordered] as const;
const promoting = new Set<string>(promotionChannels);
/**
 * By each of these a leader ends its failover without a new master: it gives up, or its operator has it forget the master
 * and all that it was doing (`SENTINEL RESET`, `SENTINEL REMOVE`). There are no others in sentinel.c of Redis 6.0 to 8.4
 * and Valkey 7.2 to 9.0 (callers of sentinelAbortFailover and sentinelResetMaster); `-failover-abort-master-timeout` is
 * of Valkey 9.0 alone.
 */
export const endChannels = [
  '-failover-abort-not-elected',
  '-failover-abort-no-good-slave',
  '-failover-abort-slave-timeout',
  '-failover-abort-master-timeout',
  '+reset-master',
  '-monitor',
] as const;
/** Said by any Sentinel that makes a replica of a server which says it is a master: a promotion of it is undone. */
const demotion = '+convert-to-slave';
const ends = new Set<string>(endChannels);

/** Payloads are addresses and names; a longer one is nothing that a Sentinel publishes. */
const longestPayload = 2_048;
/** So much of a payload is kept for people. */
const keptPayload = 512;

/**
 * Reads one published message.
 *
 * Payloads are `<type> <name> <ip> <port>`, for anything but a master followed by `@ <master> <ip> <port>`; only
 * `+switch-master` is `<master> <old ip> <old port> <new ip> <new port>`.
 *
 * @returns the announcement, or `undefined` where it names no master
 */
export function readAnnouncement(channel: string, text: string, origin = fromHere): Announcement | undefined {
  if (text.length > longestPayload) return undefined;
  const payload = text.slice(0, keptPayload);
  const words = text.split(' ');
  if (channel === '+switch-master') {
    const [name = ''] = words;
    return name === '' ? undefined : { kind: 'hint', name, channel, payload };
  }
  const [type, own, host = '', port = '', at, master, masterHost = '', masterPort = ''] = words;
  const name = at === '@' ? master : type === 'master' ? own : undefined;
  if (name === undefined || name === '') return undefined;
  if (promoting.has(channel)) {
    const candidate = readAnnounced(host, port, origin);
    const from = readAnnounced(masterHost, masterPort, origin);
    if (candidate && from) {
      const isOrdered = channel === ordered;
      return {
        ...{ kind: 'promoting', name, channel, payload, isOrdered },
        ...{ candidate: candidate.endpoint, isReachable: candidate.isReachable, master: from.endpoint },
      };
    }
  }
  if (channel === demotion) {
    const server = readAnnounced(host, port, origin)?.endpoint;
    if (server) return { kind: 'demoting', name, channel, payload, server };
  }
  return { kind: ends.has(channel) ? 'ended' : 'hint', name, channel, payload };
}
