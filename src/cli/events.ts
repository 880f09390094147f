import { TunnelError } from '../errors.ts';
import { Backoff } from '../lifecycle/backoff.ts';
import { sleep } from '../lifecycle/sleep.ts';
import { eventSentences, type EventName } from '../telemetry/events.ts';
import { logLevels, type Fields, type LogLevel } from '../telemetry/log.ts';
import { prettyLine } from '../telemetry/pretty.ts';
import { AdminClient, type Frame } from './admin-client.ts';
import { adminPlaceOf, type AdminFlags } from './admin-place.ts';
import { exitCodes } from './exit-codes.ts';
import { wholeNumber } from './failovers.ts';
import type { Host } from './host.ts';
import { count } from '../admin/wording.ts';
import { inLocalTime } from '../telemetry/local-time.ts';
import { printable, printableJson } from '../printable.ts';

export interface EventsFlags extends AdminFlags {
  readonly follow?: boolean;
  readonly level?: string;
  readonly last?: string;
  readonly json?: boolean;
  readonly database?: string;
}

/** What the tunnel tells of one event. */
export interface ReadEvent {
  readonly id: string;
  readonly time: string;
  readonly level: string;
  readonly event: string;
  readonly fields: Fields;
  readonly sentence: string;
}

const usualEvents = 20;
/** As many as a tunnel keeps, and more. */
const mostEvents = 999_999;
const firstRetryMs = 250;
const mostRetryMs = 5_000;

interface Backlog {
  readonly latestId: string;
  readonly events: readonly unknown[];
}

/** Prints the latest events of a running tunnel, and with `--follow` those that come, until a signal ends it. */
export async function events(flags: EventsFlags, host: Host): Promise<number> {
  const level = levelOf(flags.level ?? 'info');
  const last = flags.last === undefined ? usualEvents : wholeNumber(flags.last, '--last', 0, mostEvents);
  const client = new AdminClient(await adminPlaceOf(flags, host.env));
  const printer = new Printer(flags, host);
  // Which of them are wanted is known here, so that "the last twenty" are twenty.
  const body = await client.json<Backlog>(`/events?level=${level}&last=${String(mostEvents)}`);
  const wanted = body.events.flatMap((each) => readEvent(each) ?? []).filter((event) => printer.wants(event));
  for (const event of last === 0 ? [] : wanted.slice(-last)) printer.print(event);
  if (flags.follow) await follow(client, level, body.latestId, printer, host);
  return exitCodes.done;
}

function levelOf(text: string): LogLevel {
  const level = logLevels.find((known) => known === text);
  if (level) return level;
  throw new TunnelError('ST_USAGE', `--level: expected ${logLevels.join(', ')}, got "${printable(text)}"`);
}

/** An event as it was sent; `undefined` where it is none. */
export function readEvent(value: unknown): ReadEvent | undefined {
  const { id, time, level, event, sentence, fields } = (value ?? {}) as Readonly<Record<string, unknown>>;
  if (!isText(id) || !isText(time) || !isText(level) || !isText(event) || !isText(sentence)) return undefined;
  return { id, time, level, event, fields: fieldsOf(fields), sentence };
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}

/** Flat facts; anything else as JSON. */
function fieldsOf(value: unknown): Fields {
  if (typeof value !== 'object' || value === null) return {};
  const entries = Object.entries(value).map(([name, fact]: [string, unknown]) => {
    const isFlat =
      ['string', 'number', 'boolean'].includes(typeof fact) || (Array.isArray(fact) && fact.every(isText));
    return [name, isFlat ? fact : JSON.stringify(fact)];
  });
  return Object.fromEntries(entries) as Fields;
}

/** An event that came in a stream; `undefined` where it is none. */
export function eventOf({ kind, data }: Frame): ReadEvent | undefined {
  if (kind !== 'log') return undefined;
  try {
    return readEvent(JSON.parse(data));
  } catch {
    return undefined; // what is no JSON is no event
  }
}

class Printer {
  readonly #flags: EventsFlags;
  readonly #host: Host;
  #skipped = 0;

  constructor(flags: EventsFlags, host: Host) {
    this.#flags = flags;
    this.#host = host;
  }

  wants({ fields }: ReadEvent): boolean {
    return this.#flags.database === undefined || fields['database'] === this.#flags.database;
  }

  print(event: ReadEvent): void {
    const { stdout } = this.#host;
    if (stdout.isBehind) {
      this.#skipped += 1;
      return;
    }
    if (this.#skipped > 0) {
      this.#host.stderr.write(
        `sentinel-tunnel: Skipped ${count(this.#skipped, 'event')}: the output was not read\n`,
      );
      this.#skipped = 0;
    }
    stdout.write(this.#flags.json ? `${printableJson(event)}\n` : eventLine(event, stdout.isColoured));
  }
}

/**
 * An event as the log prints it, but of a failover only the sentence: its steps are many, and `failovers` has them. One
 * that this version does not know has brought its sentence.
 */
export function eventLine(event: ReadEvent, isColoured: boolean): string {
  const { time, level, event: name, sentence } = event;
  const fields = name === 'failover.story' ? { ...event.fields, lines: undefined } : event.fields;
  const isKnown = Object.hasOwn(eventSentences, name) && logLevels.some((known) => known === level);
  const at = new Date(time);
  const line = isKnown
    ? prettyLine(at, level as LogLevel, name as EventName, fields, isColoured)
    : `${printable(time)} ${printable(level).toUpperCase()} ${printable(sentence)}\n`;
  return inLocalTime(line, new Date());
}

async function follow(
  client: AdminClient,
  level: LogLevel,
  latestId: string,
  printer: Printer,
  host: Host,
): Promise<void> {
  const ending = new AbortController();
  const { signal } = ending;
  const forget = host.stdout.onGone(() => {
    ending.abort();
  });
  const backoff = new Backoff(firstRetryMs, mostRetryMs);
  let lastId = latestId;
  let lost = false;
  const told = (frame: Frame): void => {
    if (frame.kind === 'hello' && lost) {
      host.stderr.write(`sentinel-tunnel: Connected to ${client.where} again\n`);
      lost = false;
      backoff.reset();
    }
    const event = eventOf(frame);
    if (!event) return;
    lastId = event.id;
    if (printer.wants(event)) printer.print(event);
  };
  try {
    for (;;) {
      const why = await untilLost(client, `/events?level=${level}`, lastId, told, signal);
      if (signal.aborted) return;
      if (!lost) host.stderr.write(`sentinel-tunnel: Connection lost, retrying: ${why}\n`);
      lost = true;
      await sleep(backoff.next(), signal).catch(() => undefined); // the only reason is that it is to end
    }
  } finally {
    forget();
  }
}

/** @returns why the stream is over; throws what will not be better the next time */
async function untilLost(
  ...[client, path, lastId, told, signal]: [AdminClient, ...Parameters<AdminClient['follow']>]
): Promise<string> {
  try {
    await client.follow(path, lastId, told, signal);
    return `${client.where} ended the stream`;
  } catch (error) {
    if (!(error instanceof TunnelError) || error.code !== 'ST_ADMIN_UNREACHABLE') throw error;
    return error.message;
  }
}
