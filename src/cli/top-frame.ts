import type { DatabaseStatus, Status } from '../admin/status.ts';
import { milestonesOf, type ReachedMilestone } from '../tunnel/failover-record.ts';
import type { FailoverRecord } from '../tunnel/failover-record.ts';
import { eventLine, type ReadEvent } from './events.ts';
import { bytes, count, grouped, lasting } from '../admin/wording.ts';
import { type Paint, type Style } from './plain.ts';
import { clock, inLocalTime } from '../telemetry/local-time.ts';
import { printable } from '../printable.ts';
import { saidText, stateOf } from './status-text.ts';

/** All that one frame shows. */
export interface Look {
  readonly where: string;
  readonly status: Status;
  /** An earlier status of the same run: the rates are the difference. */
  readonly before: Status | undefined;
  /** Oldest first. */
  readonly events: readonly ReadEvent[];
  /** Why the tunnel does not answer now. */
  readonly trouble: string | undefined;
  /** How old the status is, in milliseconds. */
  readonly agoMs: number;
  readonly intervalMs: number;
}

export interface Size {
  readonly columns: number;
  readonly rows: number;
  /** Whether keys are heard. */
  readonly isLive: boolean;
}

interface Piece {
  readonly text: string;
  readonly style?: Style;
}

type Line = readonly Piece[];

/** One screen, from the top: never more lines or columns than there are. Pure. */
export function frame(look: Look, size: Size, paint: Paint): string[] {
  const { columns, rows, isLive } = size;
  const { status, events } = look;
  const head = [...headLines(look, columns), []];
  const failover = latestFailover(status);
  const story = failover ? [[], ...storyLines(failover, new Date(status.program.now), columns)] : [];
  const foot: Line[] = isLive
    ? [[{ text: `q quit, a look every ${lasting(look.intervalMs)}`, style: 'faint' }]]
    : [];
  // What is left is for databases first, then Sentinels, then events; each has its head and a line at least.
  const room = rows - head.length - foot.length;
  const databases = databaseLines(look, columns);
  const forDatabases = limited(databases, Math.max(3, room - 8), 'database');
  const afterDatabases = room - forDatabases.length;
  const sentinels = sentinelLines(status, columns);
  const forSentinels = [[], ...limited(sentinels, Math.max(2, Math.min(6, afterDatabases - 6)), 'Sentinel')];
  const forStory = afterDatabases - forSentinels.length >= story.length + 3 ? story : [];
  const left = afterDatabases - forSentinels.length - forStory.length - 2;
  const forEvents: Line[] =
    left > 0 ? [[], [{ text: 'EVENTS', style: 'faint' }], ...eventLines(events, left, columns)] : [];
  const body = [...head, ...forDatabases, ...forSentinels, ...forStory, ...forEvents].slice(
    0,
    rows - foot.length,
  );
  const filler: Line[] = isLive ? Array.from({ length: rows - foot.length - body.length }, () => []) : [];
  return [...body, ...filler, ...foot].map((line) => rendered(line, columns, paint));
}

function headLines({ where, status, trouble, agoMs }: Look, columns: number): Line[] {
  const { version, uptimeMs, engine, now } = status.program;
  const title = `Sentinel Tunnel ${printable(version)} at ${where}, up ${lasting(uptimeMs)}, ${printable(engine)}`;
  const clockText = clock(now, new Date(now));
  const first: Line = [{ text: title, style: 'strong' }, { text: `  ${clockText}` }];
  if (trouble !== undefined) {
    return [first, ...flowed(`OUT OF TOUCH for ${lasting(agoMs)}, this is old: ${trouble}`, columns, 'bad')];
  }
  if (status.ready) return [first, [{ text: 'READY', style: 'good' }]];
  const waiting = status.databases.filter(({ ready }) => !ready).map(({ name }) => printable(name));
  // Why is said below, where the database is.
  const rest = waiting.length === 0 ? printable(status.reasons.join('; ')) : waiting.join(', ');
  return [first, ...flowed(`NOT READY: ${rest}`, columns, 'bad')];
}

/** Columns that stand to the right, with their widths. */
const numberHeads = [
  ['OPEN', 6],
  ['HELD', 5],
  ['NEW/S', 8],
  ['UP/S', 9],
  ['DOWN/S', 9],
] as const;

function databaseLines({ status, before }: Look, columns: number): Line[] {
  const numbersWidth = numberHeads.reduce((sum, [, width]) => sum + width, 0);
  const masters = status.databases.map(({ master }) => (master ?? '-').length);
  const now = new Date(status.program.now);
  const states = status.databases.map((database) => stateWord(database, now, status.program));
  const stateWidth = Math.max(9, ...states.map(({ length }) => length));
  const masterWidth = Math.min(Math.max(6, ...masters), 40);
  const names = status.databases.map(({ name }) => printable(name).length);
  const nameWidth = Math.max(
    8,
    Math.min(Math.max(8, ...names), columns - numbersWidth - masterWidth - stateWidth - 4),
  );
  const head = [
    `${'DATABASE'.padEnd(nameWidth)} ${'STATE'.padEnd(stateWidth)} ${'MASTER'.padEnd(masterWidth)} `,
    ...numberHeads.map(([text, width]) => text.padStart(width)),
  ].join('');
  return [
    [{ text: head, style: 'faint' }],
    ...status.databases.flatMap((database, index): Line[] => {
      const earlier = before?.databases.find(({ name }) => name === database.name);
      const passedMs = before ? status.program.uptimeMs - before.program.uptimeMs : 0;
      const numbers = numbersOf(database, earlier, passedMs);
      const row: Line = [
        { text: `${cut(printable(database.name), nameWidth).padEnd(nameWidth)} ` },
        { text: `${(states[index] ?? '').padEnd(stateWidth)} `, style: database.ready ? 'good' : 'bad' },
        { text: `${cut(printable(database.master ?? '-'), masterWidth).padEnd(masterWidth)} ` },
        {
          text: numbers
            .map((text, column) => ` ${text.padStart((numberHeads[column]?.[1] ?? 1) - 1)}`)
            .join(''),
        },
      ];
      const { meaning, reason } = stateOf(database, now, status.program);
      const why = reason === undefined ? [meaning] : [meaning === '' ? reason : `${meaning}: ${reason}`];
      const notes = [...(database.ready ? [] : why), ...database.degraded.map((each) => printable(each))];
      const lines = notes.flatMap((note) => wrapped(inLocalTime(note, now), columns - 2));
      return [row, ...lines.map((text): Line => [{ text: `  ${text}`, style: 'bad' }])];
    }),
  ];
}

/** The most lines of one text: what a peer says may be long. */
const mostWrapped = 4;

/** A text in lines that fit, broken between words where there are any; the last one is cut. */
function wrapped(text: string, width: number): readonly string[] {
  const lines: string[] = [];
  let rest = text;
  while (rest.length > width && width > 0 && lines.length < mostWrapped - 1) {
    const space = rest.lastIndexOf(' ', width);
    const end = space > 0 ? space : width;
    lines.push(rest.slice(0, end));
    rest = rest.slice(end).trimStart();
  }
  return [...lines, rest];
}

/** In capitals where it is not ready. */
function stateWord(database: DatabaseStatus, now: Date, program: Status['program']): string {
  const { word } = stateOf(database, now, program);
  return database.ready ? word.toLowerCase() : word;
}

function numbersOf(
  { counters }: DatabaseStatus,
  earlier: DatabaseStatus | undefined,
  passedMs: number,
): string[] {
  if (!counters) return numberHeads.map(() => '-');
  const old = earlier?.counters;
  const rate = (now: number, then: number | undefined): number | undefined =>
    then === undefined || now < then || passedMs <= 0 ? undefined : ((now - then) * 1_000) / passedMs;
  const admitted = rate(counters.admitted, old?.admitted);
  const up = rate(counters.upstreamBytes, old?.upstreamBytes);
  const down = rate(counters.downstreamBytes, old?.downstreamBytes);
  return [
    grouped(counters.open),
    grouped(counters.held),
    admitted === undefined ? '-' : admitted < 10 ? admitted.toFixed(1) : grouped(admitted),
    up === undefined ? '-' : bytes(up),
    down === undefined ? '-' : bytes(down),
  ];
}

function sentinelLines({ sentinels, program, databases }: Status, columns: number): Line[] {
  const now = new Date(program.now).getTime();
  const standings = new Map(databases.map(({ name, standing }) => [name, standing]));
  const several = databases.length > 1;
  const width = Math.max(8, ...sentinels.map(({ address }) => printable(address).length));
  return [
    [{ text: `${'SENTINEL'.padEnd(width)} STATE   LATENCY   HEARD     SAYS`, style: 'faint' }],
    ...sentinels.flatMap(({ address, state, latencyMs, said, subscription }): Line[] => {
      const heardMs = Math.min(...said.map(({ at }) => now - new Date(at).getTime()));
      const heard = Number.isFinite(heardMs) ? lasting(Math.max(0, heardMs)) : 'never';
      const latency = latencyMs === null ? '-' : `${String(latencyMs)} ms`;
      const words = [
        ...said.flatMap((each) => {
          const { text, tone } = saidText(each, standings.get(each.database) ?? null);
          return tone === 'well' ? [] : [{ text: several ? `${each.database}: ${text}` : text, tone }];
        }),
        ...(subscription === 'subscribed' ? [] : [{ text: 'ANNOUNCEMENTS NOT HEARD', tone: 'odd' as const }]),
      ];
      const row: Line = [
        { text: `${printable(address).padEnd(width)} ` },
        {
          text: (state === 'up' ? 'up' : printable(state).toUpperCase()).padEnd(8),
          style: state === 'up' ? 'good' : 'bad',
        },
        { text: `${latency.padEnd(9)} ${heard.padEnd(9)} ` },
      ];
      const isAgreed = said.length > 0 && words.length === 0;
      const text = isAgreed
        ? 'agrees'
        : words.map((word) => printable(word.text)).join('; ') || 'nothing yet';
      const style = words.some(({ tone }) => tone === 'odd') ? 'bad' : 'plain';
      const left = columns - row.reduce((sum, piece) => sum + piece.text.length, 0);
      if (text.length <= left) return [[...row, { text, style }]];
      // What it says is the cause, and goes below where there is no room beside.
      return [row, ...flowed(`  ${text}`, columns, style)];
    }),
  ];
}

/** The lines that there is room for: the head, and where not all fit the number of those that do not. */
function limited(lines: readonly Line[], most: number, what: string): readonly Line[] {
  if (lines.length <= most) return lines;
  const shown = lines.slice(0, most - 1);
  return [
    ...shown,
    [
      {
        text: `… ${count(lines.length - shown.length, `more line`)}: make the window higher, or "status" (${what}s)`,
        style: 'faint',
      },
    ],
  ];
}

type Told = Omit<FailoverRecord, 'lines'>;

function latestFailover({ databases }: Status): Told | undefined {
  const stories = databases.flatMap(({ lastFailover }) => lastFailover ?? []);
  return stories.toSorted((a, b) => (a.at < b.at ? -1 : 1)).at(-1);
}

/** The marks of the milestones on the bar. */
const marks: Readonly<Record<string, string>> = {
  fenced: 'F',
  promoted: 'P',
  served: 'S',
  'first byte': 'B',
  confirmed: 'C',
};

function storyLines(story: Told, now: Date, columns: number): Line[] {
  const { database, at, from, to, cut: many, held } = story;
  const steps = milestonesOf(story);
  const outcome = from === to ? `back on ${printable(to)}` : `${printable(from)} -> ${printable(to)}`;
  const head = `LAST FAILOVER ${printable(database)} ${clock(at, now)} ${outcome}, ${String(many)} cut, ${String(held)} held`;
  return [
    ...flowed(head, columns, 'plain'),
    [{ text: timeBar(steps, columns) }],
    ...flowed(
      `${steps.map(({ name, ms }) => `${marks[name] ?? '?'} ${name} ${String(Math.round(ms))}`).join('  ')} ms`,
      columns,
      'plain',
    ),
  ];
}

/**
 * A failover as a bar of time, to scale: `=` while nothing is served, `-` afterwards. Milestones that would
 * stand in one place stand beside each other.
 */
export function timeBar(steps: readonly ReachedMilestone[], columns: number): string {
  const width = Math.max(10, columns - 2);
  const longestMs = Math.max(1, ...steps.map(({ ms }) => ms));
  const servedMs = steps.find(({ name }) => name === 'served')?.ms ?? Infinity;
  const place = (ms: number): number => Math.max(0, Math.round((ms / longestMs) * (width - 1)));
  const cells: string[] = Array.from({ length: width }, (_, index) => (index < place(servedMs) ? '=' : '-'));
  const ordered = steps.toSorted((a, b) => a.ms - b.ms);
  const places = ordered.map(({ ms }) => place(ms));
  // Pushed apart to the right, and back from the edge where there is no room.
  for (let index = 1; index < places.length; index += 1) {
    places[index] = Math.max(places[index] ?? 0, (places[index - 1] ?? 0) + 1);
  }
  for (let index = places.length - 1, edge = width - 1; index >= 0; index -= 1) {
    edge = Math.min(edge, places[index] ?? 0);
    places[index] = edge;
    edge -= 1;
  }
  for (const [index, { name }] of ordered.entries()) cells[places[index] ?? 0] = marks[name] ?? '?';
  return `|${cells.join('')}|`;
}

/** The latest events, oldest first: as many as there is room for with what they say. */
function eventLines(events: readonly ReadEvent[], most: number, columns: number): Line[] {
  const lines: Line[] = [];
  for (const event of events.toReversed()) {
    const own = linesOf(event, columns);
    if (lines.length > 0 && lines.length + own.length > most) break;
    lines.unshift(...own);
  }
  return lines.slice(0, most);
}

function linesOf(event: ReadEvent, columns: number): readonly Line[] {
  // Its day would cost a line.
  const [first = ''] = eventLine(event, false)
    .replace(/^\d{4}-\d\d-\d\d /, '')
    .split('\n');
  return flowed(first, columns, event.level === 'error' || event.level === 'warn' ? 'bad' : 'plain');
}

/** A text over as many lines as it needs, those after the first one indented; `mostWrapped` at most. */
function flowed(text: string, columns: number, style: Style): readonly Line[] {
  const [indent = ''] = /^ */.exec(text) ?? [];
  const [first = '', ...more] = wrapped(text.trimStart(), columns - 2);
  return [
    [{ text: `${indent}${first}`, style }],
    ...more.map((line): Line => [{ text: `  ${line}`, style }]),
  ];
}

function rendered(line: Line, columns: number, paint: Paint): string {
  let left = columns;
  const pieces = line.map(({ text, style = 'plain' }) => {
    const shown = cut(text, left);
    left -= shown.length;
    return paint(style, shown);
  });
  return pieces.join('').trimEnd();
}

/** As much of a text as there is room for. */
function cut(text: string, width: number): string {
  if (text.length <= width) return text;
  return width <= 0 ? '' : `${text.slice(0, width - 1)}…`;
}
