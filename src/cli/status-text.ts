import type { DatabaseStatus, SaidStatus, SentinelStatus, Status } from '../admin/status.ts';
import {
  absentWords,
  count,
  databaseWording,
  grouped,
  lasting,
  saidWording,
  subscriptionWords,
  untilWords,
  type Drain,
} from '../admin/wording.ts';
import { printable } from '../printable.ts';
import { clock, inLocalTime } from '../telemetry/local-time.ts';
import { outcomeText, roundMs, milestonesOf } from '../tunnel/failover-record.ts';
import type { FailoverRecord } from '../tunnel/failover-record.ts';
import { table, type Cell, type Paint, type Style } from './plain.ts';

/**
 * The status for a person: the databases one by one, then who says what.
 *
 * @param where which tunnel was asked
 * @param only the name of the one database that is asked for
 */
export function statusText(status: Status, where: string, paint: Paint, only?: string): string {
  const now = new Date(status.program.now);
  const databases = status.databases.filter(({ name }) => only === undefined || name === only);
  const text = [
    ...headLines(status, where, paint),
    ...databases.flatMap((database) => ['', ...databaseLines(database, status.program, paint)]),
    '',
    ...sentinelLines(status.sentinels, databases, now, paint),
    ...descriptorLines(status.program),
    '',
  ].join('\n');
  return inLocalTime(text, now);
}

function headLines({ program, ready, reasons, databases }: Status, where: string, paint: Paint): string[] {
  const { version, engine, threads, uptimeMs, configFile, state } = program;
  const threadWords = threads > 0 ? ` (${count(threads, 'thread')})` : '';
  const parts = [
    `Sentinel Tunnel ${printable(version)} at ${where}`,
    `up ${lasting(uptimeMs)}`,
    `engine ${printable(engine)}${threadWords}`,
    ...(configFile === null ? [] : [printable(configFile)]),
  ];
  const sessions = databases.reduce(
    (sum, { counters }) => sum + (counters ? counters.open + counters.held : 0),
    0,
  );
  const waiting = databases.filter((database) => !database.ready).map(({ name }) => printable(name));
  // Why is said below, once, where the database is.
  const rest = waiting.length === 0 ? printable(reasons.join('; ')) : waiting.join(', ');
  return [
    parts.join(', '),
    ready ? paint('good', 'READY') : `${paint('bad', 'NOT READY')}: ${rest}`,
    // Older tunnels do not report it.
    ...((program.logTrouble as string | null | undefined)
      ? [paint('bad', `LOG NOT WRITTEN: ${printable(program.logTrouble ?? '')}`)]
      : []),
    ...(state === 'draining'
      ? [
          paint(
            'bad',
            `DRAINING: ${count(sessions, 'session')}${untilWords(program, new Date(program.now))}, no new client is admitted`,
          ),
        ]
      : []),
  ];
}

/** Older tunnels do not report it. */
function descriptorLines({ descriptors }: Partial<Status['program']>): string[] {
  if (!descriptors) return [];
  const { connections, limit, reserved } = descriptors;
  return [
    '',
    `At most ${grouped(connections)} connections: of ${grouped(limit)} file descriptors ${grouped(reserved)} are reserved, and a connection takes two`,
  ];
}

function databaseLines(database: DatabaseStatus, program: Status['program'], paint: Paint): string[] {
  const now = new Date(program.now);
  const { name, generation, epoch, degraded, counters, lastFailover } = database;
  const { word, meaning, reason, since } = stateOf(database, now, program);
  const rows: Cell[][] = [
    ...(reason === undefined ? [] : [[{ text: '  because' }, { text: reason, style: 'bad' } as const]]),
    [{ text: '  since' }, { text: sinceWords(since, now) }],
    ...degraded.map((text): Cell[] => [{ text: '  DEGRADED' }, { text: printable(text), style: 'bad' }]),
    [
      { text: '  number' },
      { text: `generation ${String(generation)}, epoch ${epoch === null ? 'not readable' : String(epoch)}` },
    ],
    // Older tunnels do not report it.
    ...((database.replicas as readonly string[] | undefined)?.length
      ? [[{ text: '  replicas' }, { text: printable(database.replicas.join(', ')) }]]
      : []),
    ...((database.absent as DatabaseStatus['absent'] | undefined) ?? []).map(({ address, state }): Cell[] => [
      { text: '  MISSING' },
      { text: `${printable(address)}: ${absentWords[state]}`, style: 'bad' },
    ]),
    ...database.listen.map(({ address, open, reason }): Cell[] => [
      { text: '  listens' },
      open
        ? { text: printable(address) }
        : {
            text: `${printable(address)} ${program.state === 'draining' ? 'closed' : `NOT OPEN: ${printable(reason ?? 'not yet')}`}`,
            style: 'bad',
          },
    ]),
    [{ text: '  sessions' }, { text: counters ? sessionWords(counters) : 'none: it does not listen' }],
    [{ text: '  failover' }, { text: lastFailover ? failoverLine(lastFailover, now) : 'none seen' }],
  ];
  const style: Style = word === 'SERVING' ? 'good' : 'bad';
  const title = `${paint('strong', printable(name))}  ${paint(style, titleOf(word, meaning))}`;
  return [title, ...table(rows, paint)];
}

function titleOf(word: string, meaning: string): string {
  if (meaning === '') return word;
  return word === 'SERVING' ? `${word} ${meaning}` : `${word}: ${meaning}`;
}

function sessionWords(counters: NonNullable<DatabaseStatus['counters']>): string {
  const { open, held, admitted, ended, dialFailures } = counters;
  const parts = [
    `${grouped(open)} open`,
    `${grouped(held)} held`,
    `${grouped(admitted)} since the start`,
    `${grouped(ended.evicted)} cut`,
    `${grouped(ended.refused)} refused`,
    ...(dialFailures > 0 ? [`${count(dialFailures, 'failed connection')} to Redis`] : []),
  ];
  return parts.join(', ');
}

function sinceWords(iso: string, now: Date): string {
  const ms = now.getTime() - new Date(iso).getTime();
  return `${clock(iso, now)} (${lasting(ms)} ago)`;
}

function sentinelLines(
  sentinels: readonly SentinelStatus[],
  databases: readonly DatabaseStatus[],
  now: Date,
  paint: Paint,
): string[] {
  if (sentinels.length === 0) return ['No Sentinel is known'];
  const shown = new Set(databases.map(({ name }) => name));
  const several = shown.size > 1;
  const standings = new Map(databases.map(({ name, standing }) => [name, standing]));
  const head: Cell[] = ['SENTINEL', 'STATE', 'ANNOUNCES', 'HEARD', 'SAYS'].map((text) => ({
    text,
    style: 'faint',
  }));
  const rows = sentinels.flatMap((sentinel) => {
    const { address, seed, state, subscription, latencyMs } = sentinel;
    const said = sentinel.said.filter(({ database }) => shown.has(database));
    const lead: Cell[] = [
      { text: `${printable(address)}${seed ? '' : ' (learnt)'}` },
      {
        text:
          state === 'up'
            ? `up ${latencyMs === null ? '' : `${String(latencyMs)} ms`}`.trim()
            : printable(state).toUpperCase(),
        style: state === 'up' ? 'good' : 'bad',
      },
      {
        text: heardWords(subscription),
        style: subscription === 'subscribed' ? 'plain' : 'bad',
      },
    ];
    if (said.length === 0) return [[...lead, { text: 'never' }, { text: 'nothing yet' }]];
    return said.map((each, index): Cell[] => [
      ...(index === 0 ? lead : lead.map(() => ({ text: '' }))),
      { text: `${lasting(now.getTime() - new Date(each.at).getTime())} ago` },
      saidCell(each, standings.get(each.database) ?? null, several),
    ]);
  });
  return table([head, ...rows], paint);
}

function heardWords(subscription: SentinelStatus['subscription']): string {
  // A newer tunnel may report others.
  const words = (subscriptionWords as Readonly<Record<string, string>>)[subscription] ?? subscription;
  return subscription === 'subscribed' ? words : printable(words).toUpperCase();
}

function saidCell(said: SaidStatus, standing: DatabaseStatus['standing'], withName: boolean): Cell {
  const { text, tone } = saidText(said, standing);
  const name = withName ? `${printable(said.database)}: ` : '';
  return { text: `${name}${text}`, ...(tone === 'odd' && { style: 'bad' as const }) };
}

/** The state of a database for a terminal: its word in capitals, since not all have colours. */
export interface State {
  readonly word: string;
  readonly meaning: string;
  /** Why it is so; `undefined` where all is well. */
  readonly reason: string | undefined;
  /** Since when, ISO 8601. */
  readonly since: string;
}

export function stateOf(database: DatabaseStatus, now: Date, program?: Drain): State {
  const { word, meaning, reason, since } = databaseWording(database, now, program);
  return {
    word: printable(word).toUpperCase(),
    meaning: printable(meaning),
    reason: reason === undefined ? undefined : printable(reason),
    since,
  };
}

export interface SaidText {
  readonly text: string;
  /** `well`: it names the server that is served, and has nothing against it. */
  readonly tone: 'well' | 'plain' | 'odd';
}

/** What a Sentinel says of a database; in capitals what is wrong with the Sentinel. */
export function saidText(said: SaidStatus, standing: DatabaseStatus['standing']): SaidText {
  const { tone, word, detail, isFault } = saidWording(said, standing);
  const text = printable(isFault ? `${word.toUpperCase()}: ${detail}` : detail);
  if (tone === 'good') return { text, tone: 'well' };
  return { text, tone: tone === 'bad' || tone === 'poor' ? 'odd' : 'plain' };
}

/** A failover in one line. */
function failoverLine(story: Omit<FailoverRecord, 'lines'>, now: Date): string {
  const { from, to, servedMs, cut, held, trigger, at } = story;
  const outcome = from === to ? `back on ${printable(to)}` : `${printable(from)} -> ${printable(to)}`;
  const gap = typeof servedMs === 'number' ? `, not served for ${roundMs(servedMs)} ms` : ', NOT SERVED';
  return `${clock(at, now)} ${outcome}${gap}, ${String(cut)} cut, ${String(held)} held, because ${printable(trigger)}`;
}

/** A failover with everything that was said and done. */
export function failoverText(story: FailoverRecord, now: Date, paint: Paint): string {
  const { database, generation, cut, held, trigger, at } = story;
  const times = milestonesOf(story).map(({ name, ms }) => `${name} ${roundMs(ms)} ms`);
  const rows = story.lines.map(({ ms, who, what }): Cell[] => [
    { text: `  ${ms.toFixed(1)} ms`, isNumber: true, style: 'faint' },
    { text: printable(who), style: who === 'tunnel' ? 'strong' : 'plain' },
    { text: printable(what) },
  ]);
  return [
    `${clock(at, now)} ${paint('strong', printable(database))} ${printable(outcomeText(story))}, generation ${String(generation)}`,
    `  because ${printable(trigger)}`,
    `  ${String(cut)} cut, ${String(held)} held; ${times.length === 0 ? 'NOT SERVED' : times.join(', ')}`,
    ...table(rows, paint),
    '',
  ].join('\n');
}
