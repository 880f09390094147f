import { sameEndpoint } from '../net/endpoint.ts';
import { endReasons } from '../relay/core/engine.ts';
import type { SentinelView } from '../sentinel/links/stats.ts';
import type { Phase } from '../sentinel/decision/view.ts';
import type { HistogramView } from '../telemetry/histogram.ts';
import type { TunnelView } from '../tunnel/tunnel-view.ts';
import type { Overview } from './callbacks.ts';

export type Labels = Readonly<Record<string, string>>;

/** One number or one histogram of a family. */
export interface Sample {
  readonly labels: Labels;
  readonly value: number | HistogramView;
}

/** One metric: its name, its meaning, and how to read its samples from an overview. */
export interface Family {
  readonly name: string;
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  /** The names of its labels. */
  readonly labels: readonly string[];
  readonly read: (overview: Overview) => readonly Sample[];
}

type Reading = number | boolean | HistogramView | undefined;

/** Every `sentinel_tunnel_*` metric, in the order of the output. `docs/metrics.md` lists them, and a test compares. */
export const families: readonly Family[] = [
  ofAll('build_info', 'gauge', 'The version that runs; always 1', ['version'], ({ version }) => [
    { labels: { version }, value: 1 },
  ]),
  ofAll('engine_info', 'gauge', 'What carries the bytes; always 1', ['engine'], ({ engine }) => [
    { labels: { engine }, value: 1 },
  ]),
  ofAll('engine_threads', 'gauge', 'Threads that carry bytes besides the main one', [], ({ threads }) => [
    { labels: {}, value: threads },
  ]),
  ofAll(
    'loop_lag_seconds',
    'histogram',
    'How late a loop came to what it had to do, four times a second',
    ['loop'],
    ({ lags }) => lags.map(({ loop, lag }) => ({ labels: { loop }, value: lag })),
  ),
  ofAll('draining', 'gauge', 'Whether a stop was asked for', [], ({ isDraining }) => [
    { labels: {}, value: Number(isDraining) },
  ]),

  ofTunnels(
    'listeners_open',
    'gauge',
    'Addresses that are listened on',
    ({ listeners }) => listeners.filter(({ isOpen }) => isOpen).length,
  ),
  ofTunnels('sessions_open', 'gauge', 'Sessions that relay or dial now', ({ counters }) => counters?.open),
  ofTunnels(
    'held_by_operator',
    'gauge',
    'Whether an operator lets new clients wait',
    ({ hold }) => hold !== undefined,
  ),
  ofTunnels('sessions_held', 'gauge', 'Clients that wait for a master now', ({ counters }) => counters?.held),
  ofTunnels(
    'sessions_admitted_total',
    'counter',
    'Clients that were accepted',
    ({ counters }) => counters?.admitted,
  ),
  ofEach(
    'sessions_ended_total',
    'counter',
    'Sessions that have ended, by who or what ended them; "refused" and "evicted" are our doing',
    'reason',
    ({ counters }) => endReasons.map((reason) => [reason, counters?.ended[reason]]),
  ),
  ofTunnels(
    'dial_failures_total',
    'counter',
    'Tries to connect to the master that failed',
    ({ counters }) => counters?.dialFailures,
  ),
  ofTunnels(
    'accept_errors_total',
    'counter',
    'Connections that could not be accepted, for example for want of descriptors',
    ({ counters }) => counters?.acceptErrors,
  ),
  ofEach(
    'relayed_bytes_total',
    'counter',
    'Bytes carried towards Redis (upstream) and towards clients (downstream)',
    'direction',
    ({ counters }) => [
      ['upstream', counters?.upstreamBytes],
      ['downstream', counters?.downstreamBytes],
    ],
  ),
  ofTunnels(
    'dial_duration_seconds',
    'histogram',
    'How long connecting to the master took, where it worked',
    ({ durations }) => durations?.dial,
  ),
  ofTunnels(
    'session_duration_seconds',
    'histogram',
    'How long sessions lasted that were connected to the master',
    ({ durations }) => durations?.session,
  ),

  ofEach('view_phase', 'gauge', '1 for the phase that the view of the master is in', 'phase', ({ view }) =>
    phases.map((phase) => [phase, view.phase.kind === phase]),
  ),
  ofTunnels(
    'view_generation',
    'gauge',
    'Grows with every fence and every move; sessions of older ones are cut',
    ({ view }) => view.generation,
  ),
  ofTunnels(
    'view_epoch',
    'gauge',
    'config-epoch of the answer that is followed, where Sentinel tells it',
    ({ view }) => view.epoch,
  ),
  ofTunnels(
    'view_degraded',
    'gauge',
    'Whether the master is served, but not as soundly as it should be',
    ({ view }) => view.degraded.length > 0,
  ),
  ofTunnels(
    'master_changes_total',
    'counter',
    'Failovers that led to another master',
    ({ failovers }) => failovers.moves,
  ),
  ofTunnels(
    'failovers_total',
    'counter',
    'Failovers that are over, those that came to nothing too',
    ({ failovers }) => failovers.failovers,
  ),
  ofTunnels(
    'failover_window_seconds',
    'histogram',
    'How long nothing was served in a failover',
    ({ failovers }) => failovers.window,
  ),
  ofTunnels(
    'fence_window_seconds',
    'histogram',
    'How long a fence stood in a failover, until the next master was served',
    ({ failovers }) => failovers.fence,
  ),

  ofEach(
    'sentinels',
    'gauge',
    'Sentinels that are known, that have answered lately, and that name the master which is believed',
    'state',
    ({ view: { sentinels } }) => [
      ['known', sentinels.known],
      ['answering', sentinels.answering],
      ['agreeing', sentinels.agreeing],
    ],
  ),
  ofSentinels('sentinel_up', 'gauge', 'Whether a Sentinel answers', ({ state }) => state === 'up'),
  ofSentinels(
    'sentinel_subscribed',
    'gauge',
    'Whether the announcements of a Sentinel are heard',
    ({ subscription }) => subscription === 'subscribed',
  ),
  ofSentinels(
    'sentinel_answers_total',
    'counter',
    'Questions that a Sentinel has answered',
    ({ answers }) => answers,
  ),
  ofSentinels(
    'sentinel_errors_total',
    'counter',
    'Questions that a Sentinel has answered with an error',
    ({ errors }) => errors,
  ),
  ofSentinels(
    'sentinel_failures_total',
    'counter',
    'Questions that a Sentinel has not answered',
    ({ failures }) => failures,
  ),
  ofSentinels(
    'sentinel_answer_seconds',
    'histogram',
    'How long a Sentinel took to answer for the address of a master',
    ({ latency }) => latency,
  ),
  ofAll(
    'sentinel_disagrees',
    'gauge',
    'Whether a Sentinel names another server than the one that is served',
    ['sentinel', 'database'],
    disagreements,
  ),
];

const phases: readonly Phase['kind'][] = ['unknown', 'serving', 'fenced', 'lost', 'forbidden'];

function ofAll(
  name: string,
  type: Family['type'],
  help: string,
  labels: readonly string[],
  read: Family['read'],
): Family {
  return { name: `sentinel_tunnel_${name}`, type, help, labels, read };
}

function ofTunnels(
  name: string,
  type: Family['type'],
  help: string,
  read: (tunnel: TunnelView) => Reading,
): Family {
  return ofAll(name, type, help, ['database'], ({ tunnels }) =>
    tunnels.flatMap((tunnel) => sample({ database: tunnel.name }, read(tunnel))),
  );
}

function ofEach(
  name: string,
  type: Family['type'],
  help: string,
  label: string,
  read: (tunnel: TunnelView) => readonly (readonly [string, Reading])[],
): Family {
  return ofAll(name, type, help, ['database', label], ({ tunnels }) =>
    tunnels.flatMap((tunnel) =>
      read(tunnel).flatMap(([value, reading]) => sample({ database: tunnel.name, [label]: value }, reading)),
    ),
  );
}

function ofSentinels(
  name: string,
  type: Family['type'],
  help: string,
  read: (sentinel: SentinelView) => Reading,
): Family {
  return ofAll(name, type, help, ['sentinel'], ({ sentinels }) =>
    sentinels.flatMap((view) => sample({ sentinel: view.sentinel }, read(view))),
  );
}

/** An unknown value has no sample, because 0 would be wrong. */
function sample(labels: Labels, reading: Reading): readonly Sample[] {
  if (reading === undefined) return [];
  return [{ labels, value: typeof reading === 'boolean' ? Number(reading) : reading }];
}

function disagreements({ tunnels, sentinels }: Overview): readonly Sample[] {
  return sentinels.flatMap(({ sentinel, said }) =>
    said.flatMap(({ name, answer }) => {
      const phase = tunnels.find((tunnel) => tunnel.name === name)?.view.phase;
      if (answer.kind !== 'address' || phase?.kind !== 'serving') return [];
      return sample({ sentinel, database: name }, !sameEndpoint(answer.endpoint, phase.endpoint));
    }),
  );
}
