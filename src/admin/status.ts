import { formatEndpoint, formatListenAddress } from '../net/endpoint.ts';
import type { DescriptorBudget } from '../os/descriptor-limit.ts';
import type { EngineName, TunnelCounters } from '../relay/core/engine.ts';
import type { LastAnswer, SentinelView } from '../sentinel/links/stats.ts';
import type { MasterView, Phase } from '../sentinel/decision/view.ts';
import type { HoldView } from '../tunnel/route.ts';
import type { FailoverRecord } from '../tunnel/failover-record.ts';
import type { ListenerView, TunnelView } from '../tunnel/tunnel-view.ts';
import type { Overview } from './callbacks.ts';

/** Increases when a field is removed or changes its meaning, not when one is added. */
export const statusVersion = 1;

/** The response to `GET /status`. `docs/admin.md` explains it, and a test compares the two. */
export interface Status {
  readonly version: typeof statusVersion;
  readonly program: ProgramStatus;
  /** Whether every database is usable, and if not, why: the response to `/readyz`. */
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly databases: readonly DatabaseStatus[];
  /** Seeds first. */
  readonly sentinels: readonly SentinelStatus[];
  /** The id of the latest event, for `/events?since=`. */
  readonly lastEventId: string;
}

export interface ProgramStatus {
  readonly version: string;
  readonly engine: EngineName;
  readonly threads: number;
  /** `draining` from the start of a stop on. */
  readonly state: 'running' | 'draining';
  /** When the remaining sessions are cut: wall clock, ISO 8601; `null` unless it drains. */
  readonly drainUntil: string | null;
  /** Wall clock, ISO 8601. */
  readonly startedAt: string;
  readonly now: string;
  readonly uptimeMs: number;
  /** The configuration file; `null` if there is none. */
  readonly configFile: string | null;
  /** How file descriptors are shared out; `null` without a limit, or when it cannot be read. */
  readonly descriptors: DescriptorBudget | null;
  /** Why the log cannot be written; `null` while it can. */
  readonly logTrouble: string | null;
  /** How many log lines were dropped. */
  readonly logDropped: number;
}

export interface DatabaseStatus {
  readonly name: string;
  readonly ready: boolean;
  /** Why it is not ready; `null` while it is. */
  readonly reason: string | null;
  readonly phase: Phase['kind'];
  /** Since when: wall clock, ISO 8601. */
  readonly since: string;
  /** The served master, `host:port`; `null` while none is served. */
  readonly master: string | null;
  /** `confirmed` by Sentinel, or `provisional` while only the new master reports its role; `null` while none is served. */
  readonly standing: 'confirmed' | 'provisional' | null;
  /** The replicas that the master reports, `host:port`. */
  readonly replicas: readonly string[];
  /** Replicas that only the Sentinels list: `down`, or up and `apart` from the master. */
  readonly absent: readonly { readonly address: string; readonly state: 'down' | 'apart' }[];
  readonly generation: number;
  readonly epoch: number | null;
  /** The view that the tunnel acts on. */
  readonly view: MasterView;
  readonly degraded: readonly string[];
  readonly listen: readonly ListenerStatus[];
  /** Sessions and bytes since the listeners opened; `null` before. */
  readonly counters: TunnelCounters | null;
  /** The hold of an operator; `null` without one. */
  readonly hold: HoldView | null;
  /** The latest failover without its lines, which `/failovers` has. */
  readonly lastFailover: Omit<FailoverRecord, 'lines'> | null;
}

export interface ListenerStatus {
  /** `host:port` or `unix:/path`; the real port if port 0 is configured. */
  readonly address: string;
  readonly open: boolean;
  readonly reason: string | null;
}

export interface SentinelStatus {
  /** `host:port`. */
  readonly address: string;
  readonly seed: boolean;
  readonly id: string | null;
  readonly state: SentinelView['state'];
  readonly subscription: SentinelView['subscription'];
  readonly answers: number;
  readonly errors: number;
  readonly failures: number;
  readonly latencyMs: number | null;
  /** Its last reply for each database. */
  readonly said: readonly SaidStatus[];
}

export interface SaidStatus {
  readonly database: string;
  /** `address`; `unknown` if it does not monitor the name; `error`; `unreachable` without a reply. */
  readonly kind: LastAnswer['answer']['kind'];
  /** `host:port` of an `address`. */
  readonly address: string | null;
  readonly epoch: number | null;
  readonly flags: readonly string[];
  /** The text of an error, or why it is unreachable. */
  readonly text: string | null;
  /** Whether it belongs to another deployment and has no vote. */
  readonly stranger: boolean;
  /** Whether it names the served master, under any alias; `null` if it names none or none is served. */
  readonly agrees: boolean | null;
  /** Wall clock, ISO 8601. */
  readonly at: string;
  readonly latencyMs: number | null;
}

/** @returns the status for an overview */
export function statusOf(overview: Overview): Status {
  const { tunnels, sentinels, isDraining, lastEventId } = overview;
  const databases = tunnels.map(databaseStatus);
  const views = new Map(tunnels.map(({ name, view }) => [name, view]));
  const reasons = [
    ...(isDraining ? ['shutting down'] : []),
    ...databases.flatMap(({ name, reason }) => (reason === null ? [] : [`${name}: ${reason}`])),
  ];
  return {
    version: statusVersion,
    program: programStatus(overview),
    ready: reasons.length === 0,
    reasons,
    databases,
    sentinels: sentinels.map((sentinel) => sentinelStatus(sentinel, views)),
    lastEventId,
  };
}

function programStatus(overview: Overview): ProgramStatus {
  const { version, engine, threads, isDraining, startedAt, uptimeMs, configFile } = overview;
  const { logTrouble, logDropped } = overview;
  return {
    ...{ version, engine, threads },
    state: isDraining ? 'draining' : 'running',
    drainUntil: overview.drainUntil ?? null,
    startedAt,
    now: new Date().toISOString(),
    uptimeMs: Math.round(uptimeMs),
    configFile: configFile ?? null,
    descriptors: overview.descriptors ?? null,
    logTrouble: logTrouble ?? null,
    logDropped,
  };
}

function databaseStatus(tunnel: TunnelView): DatabaseStatus {
  const { name, listeners, view, replicas, absent, since, counters, hold, lastRecord } = tunnel;
  const { phase, generation, epoch, degraded } = view;
  const reason = whyNotReady(tunnel);
  return {
    name,
    ready: reason === undefined,
    reason: reason ?? null,
    phase: phase.kind,
    since,
    master: phase.kind === 'serving' ? formatEndpoint(phase.endpoint) : null,
    standing: phase.kind === 'serving' ? phase.standing : null,
    replicas: replicas.map(formatEndpoint),
    absent: absent.map(({ endpoint, state }) => ({ address: formatEndpoint(endpoint), state })),
    generation,
    epoch: epoch ?? null,
    view,
    degraded,
    listen: listeners.map(listenerStatus),
    counters: counters ?? null,
    hold: hold ?? null,
    lastFailover: lastRecord ? withoutLines(lastRecord) : null,
  };
}

/** @returns why a new client would not be served; `undefined` if it would */
function whyNotReady({ view, listeners, hold }: TunnelView): string | undefined {
  const closed = listeners.find(({ isOpen }) => !isOpen);
  if (closed) {
    const why = closed.trouble === undefined ? '' : `: ${closed.trouble}`;
    return `not listening on ${formatListenAddress(closed.address)}${why}`;
  }
  const { phase } = view;
  if (phase.kind !== 'serving') return `${phase.kind}: ${phase.reason}`;
  return hold && `${hold.reason} since ${hold.since}, until ${hold.until}`;
}

function listenerStatus({ address, isOpen, trouble }: ListenerView): ListenerStatus {
  return { address: formatListenAddress(address), open: isOpen, reason: trouble ?? null };
}

function withoutLines({ lines: _lines, ...record }: FailoverRecord): Omit<FailoverRecord, 'lines'> {
  return record;
}

function sentinelStatus(view: SentinelView, views: ReadonlyMap<string, MasterView>): SentinelStatus {
  const { sentinel, isSeed, id, strangeTo, state, subscription, answers, errors, failures, latencyMs } = view;
  return {
    address: sentinel,
    seed: isSeed,
    id: id ?? null,
    ...{ state, subscription, answers, errors, failures },
    latencyMs: rounded(latencyMs),
    said: view.said.map((said) =>
      saidStatus(sentinel, said, views.get(said.name), strangeTo.includes(said.name)),
    ),
  };
}

function saidStatus(
  sentinel: string,
  { name, answer, at, latencyMs }: LastAnswer,
  view: MasterView | undefined,
  isStranger: boolean,
): SaidStatus {
  const isAddress = answer.kind === 'address';
  return {
    database: name,
    kind: answer.kind,
    address: isAddress ? formatEndpoint(answer.endpoint) : null,
    epoch: isAddress ? (answer.epoch ?? null) : null,
    flags: isAddress ? answer.flags : [],
    text: 'text' in answer ? answer.text : null,
    stranger: isStranger,
    agrees: isAddress && view?.phase.kind === 'serving' ? !view.dissenting.includes(sentinel) : null,
    at,
    latencyMs: rounded(latencyMs),
  };
}

function rounded(ms: number | undefined): number | null {
  return ms === undefined ? null : Math.round(ms * 100) / 100;
}
