import type { DatabaseStatus, SaidStatus, SentinelStatus, Status } from '../admin/status.ts';
import {
  clock,
  count,
  grouped,
  inLocalTime,
  lasting,
  plain,
  table,
  type Cell,
  type Paint,
  type Style,
} from './plain.ts';
import { storyLine } from './story-text.ts';

/** What a phase means for clients, for somebody who reads the word for the first time. */
const phaseWords: Readonly<Record<DatabaseStatus['phase'], string>> = {
  serving: 'SERVING',
  unknown: 'NOT SERVING (unknown: no master is known yet, clients wait)',
  fenced: 'NOT SERVING (fenced: the master is changing, connections were cut, clients wait)',
  lost: 'NOT SERVING (lost: there is no usable master, clients wait)',
  forbidden: 'NOT SERVING (forbidden: the configuration says to refuse clients)',
};

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
    ...databases.flatMap((database) => ['', ...databaseLines(database, now, paint)]),
    '',
    ...sentinelLines(status.sentinels, databases, now, paint),
    '',
  ].join('\n');
  return inLocalTime(text, now);
}

function headLines({ program, ready, reasons }: Status, where: string, paint: Paint): string[] {
  const { version, engine, threads, uptimeMs, configFile, state } = program;
  const threadWords = threads > 0 ? ` (${count(threads, 'thread')})` : '';
  const parts = [
    `Sentinel Tunnel ${plain(version)} at ${where}`,
    `up ${lasting(uptimeMs)}`,
    `engine ${plain(engine)}${threadWords}`,
    ...(configFile === null ? [] : [plain(configFile)]),
  ];
  const word = ready ? paint('good', 'READY') : paint('bad', 'NOT READY');
  const why = ready ? '' : `: ${plain(reasons.join('; '))}`;
  return [
    parts.join(', '),
    `${word}${why}`,
    ...(state === 'draining' ? [paint('bad', 'STOPPING: no new client is admitted')] : []),
  ];
}

function databaseLines(database: DatabaseStatus, now: Date, paint: Paint): string[] {
  const { name, phase, generation, epoch, degraded, counters, lastFailover } = database;
  const rows: Cell[][] = [
    [{ text: '  since' }, { text: sinceWords(database.since, now) }],
    ...reasonOf(database).map((text): Cell[] => [{ text: '  because' }, { text, style: 'bad' }]),
    ...holdOf(database, now).map((text): Cell[] => [{ text: '  HELD' }, { text, style: 'bad' }]),
    ...degraded.map((text): Cell[] => [{ text: '  DEGRADED' }, { text: plain(text), style: 'bad' }]),
    [
      { text: '  number' },
      { text: `generation ${String(generation)}, epoch ${epoch === null ? 'not readable' : String(epoch)}` },
    ],
    // Optional: a tunnel of before this was told may be asked.
    ...((database.replicas as readonly string[] | undefined)?.length
      ? [[{ text: '  replicas' }, { text: plain(database.replicas.join(', ')) }]]
      : []),
    ...database.listen.map(({ address, open, reason }): Cell[] => [
      { text: '  listens' },
      open
        ? { text: plain(address) }
        : { text: `${plain(address)} NOT OPEN: ${plain(reason ?? 'not yet')}`, style: 'bad' },
    ]),
    [{ text: '  sessions' }, { text: counters ? sessionWords(counters) : 'none: it does not listen' }],
    [{ text: '  failover' }, { text: lastFailover ? storyLine(lastFailover, now) : 'none seen' }],
  ];
  const style: Style = phase === 'serving' ? 'good' : 'bad';
  const title = `${paint('strong', plain(name))}  ${paint(style, titleOf(database))}`;
  return [title, ...table(rows, paint)];
}

function titleOf({ phase, master, standing }: DatabaseStatus): string {
  const words = phase in phaseWords ? phaseWords[phase] : `NOT SERVING (${plain(phase)})`;
  if (master === null) return words;
  const verified = standing === 'provisional' ? 'not yet confirmed by Sentinel' : 'confirmed by Sentinel';
  return `${words} ${plain(master)}, ${verified}`;
}

function reasonOf({ phase, view, reason, listen }: DatabaseStatus): string[] {
  const told = 'reason' in view.phase ? view.phase.reason : undefined;
  if (phase !== 'serving') return [plain(told ?? reason ?? 'no reason given')];
  return listen.length === 0 && reason !== null ? [plain(reason)] : [];
}

function holdOf({ hold }: DatabaseStatus, now: Date): string[] {
  if (!hold) return [];
  return [`new clients wait until ${clock(hold.until, now)}: ${plain(hold.reason)} ("release" ends it)`];
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
  const head: Cell[] = ['SENTINEL', 'STATE', 'ANNOUNCES', 'HEARD', 'SAYS'].map((text) => ({
    text,
    style: 'faint',
  }));
  const rows = sentinels.flatMap((sentinel) => {
    const { address, seed, state, subscription, latencyMs } = sentinel;
    const said = sentinel.said.filter(({ database }) => shown.has(database));
    const lead: Cell[] = [
      { text: `${plain(address)}${seed ? '' : ' (learnt)'}` },
      {
        text:
          state === 'up'
            ? `up ${latencyMs === null ? '' : `${String(latencyMs)} ms`}`.trim()
            : plain(state).toUpperCase(),
        style: state === 'up' ? 'good' : 'bad',
      },
      {
        text: subscription in subscriptionWords ? subscriptionWords[subscription] : plain(subscription),
        style: subscription === 'subscribed' ? 'plain' : 'bad',
      },
    ];
    if (said.length === 0) return [[...lead, { text: 'never' }, { text: 'nothing yet' }]];
    return said.map((each, index): Cell[] => [
      ...(index === 0 ? lead : lead.map(() => ({ text: '' }))),
      { text: `${lasting(now.getTime() - new Date(each.at).getTime())} ago` },
      saidCell(each, several),
    ]);
  });
  return table([head, ...rows], paint);
}

const subscriptionWords: Readonly<Record<SentinelStatus['subscription'], string>> = {
  subscribed: 'heard',
  refused: 'REFUSED by its ACL',
  none: 'NOT HEARD',
};

function saidCell(said: SaidStatus, withName: boolean): Cell {
  const name = withName ? `${plain(said.database)}: ` : '';
  const { kind, address, epoch, text, agrees } = said;
  if (kind === 'address' && address !== null) {
    const flags = said.flags.filter((flag) => flag !== 'master');
    const told = [
      plain(address),
      ...(epoch === null ? [] : [`epoch ${String(epoch)}`]),
      ...flags.map(plain),
    ].join(', ');
    if (agrees === false) return { text: `${name}DISAGREES: ${told}`, style: 'bad' };
    return { text: `${name}${told}` };
  }
  if (kind === 'unknown') return { text: `${name}DOES NOT MONITOR "${plain(said.database)}"`, style: 'bad' };
  const word = kind === 'unreachable' ? 'NO ANSWER' : 'ERROR';
  return { text: `${name}${word}: ${plain(text ?? 'no reason given')}`, style: 'bad' };
}
