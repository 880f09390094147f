import { machineLine, type Machine } from '../lib/machine.ts';
import { quantile } from '../lib/stats.ts';
import { table } from '../lib/table.ts';
import type { Contender } from './contenders.ts';
import type { Account, Cause } from './trial.ts';

export interface Trial extends Account {
  readonly contender: string;
  readonly cause: Cause;
  readonly trial: number;
}

export interface Run {
  readonly startedAt: string;
  readonly tookSeconds: number;
  readonly machine: Machine;
  readonly clients: number;
  readonly pauseMs: number;
  /** What the builds are, where two are compared. */
  readonly builds?: string;
  readonly failed: readonly string[];
  /** Trials that said nothing, because the Sentinels failed over again, and were run again. */
  readonly repeated: number;
  readonly trials: readonly Trial[];
}

const titles: Readonly<Record<Cause, string>> = {
  planned: 'Planned failover (`SENTINEL FAILOVER`)',
  kill: '`kill -9` of the master',
  stop: 'SIGSTOP of the master, later SIGCONT',
};
const backP50AtMost = 10;
const backWorstAtMost = 50;

export function report(run: Run, contenders: ReadonlyMap<string, Contender>): string {
  const { startedAt, tookSeconds, machine, clients, pauseMs, builds, failed, repeated, trials } = run;
  const precision = trials.map(({ precisionMs }) => precisionMs);
  const offLog = trials.flatMap(({ logMinusProberMs }) => logMinusProberMs ?? []);
  return [
    builds !== undefined ? '## Failover against another build' : '## Failover',
    `${startedAt.slice(0, 10)}, ${tookSeconds} s. ${machineLine(machine)}.`,
    `One master, two replicas, three Sentinels, down-after 1 s, a new cluster for each trial; ${clients} clients ` +
      `that each write, wait for the reply and write again after ${pauseMs} ms. Everything shares the cores. ` +
      `The instant of promotion is known to ± ${figure(quantile(precision, 0.5))} ms (worst ${figure(Math.max(...precision))}); ` +
      `the promoted server's own log, in whole milliseconds, differs from it by ${figure(quantile(offLog, 0.5))} ms in the middle.`,
    ...(builds !== undefined ? [builds] : []),
    ...(repeated > 0
      ? [`Run again, because the Sentinels failed over twice in a row: ${repeated} trials.`]
      : []),
    ...failed.map((text) => `Failed: ${text}`),
    ...(Object.keys(titles) as Cause[]).flatMap((cause) => {
      const own = trials.filter((trial) => trial.cause === cause);
      return own.length > 0 ? [causeTable(cause, own, contenders)] : [];
    }),
  ].join('\n\n');
}

function causeTable(
  cause: Cause,
  trials: readonly Trial[],
  contenders: ReadonlyMap<string, Contender>,
): string {
  const names = [...new Set(trials.map(({ contender }) => contender))];
  const rows = names.map((name) => {
    const own = trials.filter(({ contender }) => contender === name);
    const { title = name, isOurs = false } = contenders.get(name) ?? {};
    return [
      title,
      String(own.length),
      back(cause, own, isOurs),
      everyClient(own),
      lost(cause, own, isOurs),
      String(own.reduce((sum, { servedByOldMaster }) => sum + servedByOldMaster, 0)),
      errors(own, isOurs),
      kinds(own),
      figure(Math.max(...own.map(({ maxHoldMs }) => maxHoldMs))),
    ];
  });
  const head = [
    'through',
    'trials',
    cause === 'stop' ? 'back (connecting again), ms: p50 / worst' : 'back, ms: p50 / worst',
    'each client back, ms: p50 / worst',
    'lost: before + after promotion, of acknowledged',
    'acknowledged by the old master after it',
    'errors per client: p50 / worst',
    'errors',
    'longest hold, ms',
  ];
  return `### ${titles[cause]}\n\n${table(head, rows)}`;
}

/** From the promotion to the first write that the new master acknowledged. */
function back(cause: Cause, trials: readonly Trial[], isJudged: boolean): string {
  const times = trials.flatMap(
    (trial) => (cause === 'stop' ? trial.firstNewcomerMs : undefined) ?? trial.firstWriteMs ?? [],
  );
  const p50 = quantile(times, 0.5);
  const worst = quantile(times, 1);
  const missing = trials.length - times.length;
  const passes = missing === 0 && p50 <= backP50AtMost && worst <= backWorstAtMost;
  return `${figure(p50)} / ${figure(worst)}${missing > 0 ? `, never ${missing}` : ''}${mark(isJudged, passes)}`;
}

function everyClient(trials: readonly Trial[]): string {
  const times = trials.flatMap(({ clientsMs }) => clientsMs);
  const missing = trials.reduce((sum, { clients }) => sum + clients, 0) - times.length;
  return `${figure(quantile(times, 0.5))} / ${figure(quantile(times, 1))}${missing > 0 ? `, never ${missing}` : ''}`;
}

/** What was acknowledged before a crash and not replicated is lost to anybody; a planned failover has no such excuse. */
function lost(cause: Cause, trials: readonly Trial[], isJudged: boolean): string {
  const before = trials.reduce((sum, trial) => sum + trial.lost.before, 0);
  const after = trials.reduce((sum, trial) => sum + trial.lost.after, 0);
  const of = trials.reduce((sum, { acknowledged }) => sum + acknowledged, 0);
  return `${before} + ${after} of ${of}${mark(isJudged, after === 0 && (cause !== 'planned' || before === 0))}`;
}

function errors(trials: readonly Trial[], isJudged: boolean): string {
  const counts = trials.flatMap(({ errorsPerClient }) => errorsPerClient);
  const worst = Math.max(...counts);
  return `${figure(quantile(counts, 0.5))} / ${worst}${mark(isJudged, worst <= 1)}`;
}

function kinds(trials: readonly Trial[]): string {
  const counts = new Map<string, number>();
  for (const trial of trials) {
    for (const [kind, count] of Object.entries(trial.errors))
      counts.set(kind, (counts.get(kind) ?? 0) + count);
  }
  const said = [...counts].toSorted(([, a], [, b]) => b - a).map(([kind, count]) => `${count} ${kind}`);
  return said.slice(0, 4).join(', ').replaceAll('|', '/');
}

function figure(value: number): string {
  return Number.isFinite(value) ? value.toFixed(value < 100 && value % 1 !== 0 ? 1 : 0) : '-';
}

function mark(isJudged: boolean, passes: boolean): string {
  return isJudged ? (passes ? ' ✓' : ' ✗') : '';
}
