import { formatEndpoint, formatListenAddress } from '../net/endpoint.ts';
import type { DescriptorBudget } from '../os/descriptor-limit.ts';
import type { EngineName, TunnelCounters } from '../relay/core/engine.ts';
import type { LastAnswer, SentinelView } from '../sentinel/links/stats.ts';
import type { MasterView, Phase } from '../sentinel/decision/view.ts';
import type { HoldView } from '../tunnel/route.ts';
import type { FailoverRecord } from '../tunnel/failover-record.ts';
import type { ListenerView, TunnelView } from '../tunnel/tunnel-view.ts';
import type { Overview } from './callbacks.ts';

/** Grows when something is taken out of the shape or changes its meaning, not when something is added. */
export const statusVersion = 1;

/** What `GET /status` answers. `docs/admin.md` explains it, and a test compares the two. */
export interface Status {
  readonly version: typeof statusVersion;
  readonly program: ProgramStatus;
  /** Whether every database can be used now, and if not, why: the answer of `/readyz`. */
  readonly ready: boolean;
  readonly reasons: readonly string[];
  readonly databases: readonly DatabaseStatus[];
  /** Seeds first. */
  readonly sentinels: readonly SentinelStatus[];
  /** The id of the latest event: `/events?since=` it misses nothing. */
  readonly lastEventId: string;
}

export interface ProgramStatus {
  readonly version: string;
  readonly engine: EngineName;
  readonly threads: number;
  /** `draining` from the moment when a stop was asked for. */
  readonly state: 'running' | 'draining';
  /** When sessions that are open still are cut: wall clock, ISO 8601; `null` unless it drains. */
  readonly drainUntil: string | null;
  /** Wall clock, ISO 8601. */
  readonly startedAt: string;
  readonly now: string;
  readonly uptimeMs: number;
  /** The file that the configuration was read from; `null` where there was none. */
  readonly configFile: string | null;
  /** How file descriptors are shared out; `null` where nothing limits them, or that cannot be read. */
  readonly descriptors: DescriptorBudget | null;
  /** Why the log cannot be written just now; `null` where it can. */
  readonly logTrouble: string | null;
  /** How many lines of the log have not been written so far. */
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
  /** Where sessions go now: `host:port`, or `null` while nothing is served. */
  readonly master: string | null;
  /** `confirmed` by an answer of Sentinel, or `provisional` on the new master's word; `null` while nothing is served. */
  readonly standing: 'confirmed' | 'provisional' | null;
  /** The replicas that the master counts, `host:port`; none where it does not tell of them. */
  readonly replicas: readonly string[];
  /** Servers that the Sentinels list as its replicas and that it does not count: `down`, or up and `apart` from it. */
  readonly absent: readonly { readonly address: string; readonly state: 'down' | 'apart' }[];
  readonly generation: number;
  readonly epoch: number | null;
  /** The view as the code runs on it. */
  readonly view: MasterView;
  readonly degraded: readonly string[];
  readonly listen: readonly ListenerStatus[];
  /** Sessions and bytes since the listeners were opened; `null` while they are not. */
  readonly counters: TunnelCounters | null;
  /** That an operator lets new clients wait; `null` where none does. */
  readonly hold: HoldView | null;
  /** The latest failover without its lines, which `/failovers` has. */
  readonly lastFailover: Omit<FailoverRecord, 'lines'> | null;
}

export interface ListenerStatus {
  /** `host:port` or `unix:/path`; the real port where 0 was asked for. */
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
  /** What it last said of each database. */
  readonly said: readonly SaidStatus[];
}

export interface SaidStatus {
  readonly database: string;
  /** An `address`, that it does not know the name (`unknown`), an `error`, or nothing (`unreachable`). */
  readonly kind: LastAnswer['answer']['kind'];
  /** `host:port`, where it is an address. */
  readonly address: string | null;
  readonly epoch: number | null;
  readonly flags: readonly string[];
  /** What it said instead, or why it could not be reached. */
  readonly text: string | null;
  /** Whether it belongs to another deployment, and has no vote. */
  readonly stranger: boolean;
  /** Whether it names the server that is served, by whatever name; `null` where it names none, or none is served. */
  readonly agrees: boolean | null;
  /** Wall clock, ISO 8601. */
  readonly at: string;
  readonly latencyMs: number | null;
}

/** The status for an overview. Pure. */
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

/** Why a client of a database would not be served now; `undefined` where it would. */
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
