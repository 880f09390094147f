import { printable } from '../printable.ts';
import { type EventName, eventSentences } from './events.ts';
import { inLocalTime, stamp } from './local-time.ts';
import type { Fields, LogLevel } from './log.ts';

const colours: Readonly<Record<LogLevel, string>> = { debug: '2', info: '36', warn: '33', error: '31' };

/** A field in a sentence, with the noun that its number counts. */
const placeholder = /\{(\w+)(?:\|(\w+))?\}/g;

/** Events whose sentence and lists already have all other fields. */
const selfContained: ReadonlySet<EventName> = new Set(['failover.story']);

/** @returns one event as a line for people: local date and time, level, sentence, and the fields that the sentence lacks */
export function prettyLine(
  at: Date,
  level: LogLevel,
  event: EventName,
  fields: Fields,
  isColoured: boolean,
): string {
  const paint = (code: string, text: string): string =>
    isColoured ? `\u001b[${code}m${text}\u001b[0m` : text;
  const { rest, lists } = restOf(event, fields);
  const label = paint(colours[level], level.toUpperCase().padEnd(5));
  const more = rest === '' ? '' : ` ${paint('2', rest)}`;
  const line = `${paint('2', stamp(at))} ${label} ${sentenceOf(event, fields)}${more}`;
  return inLocalTime(`${[line, ...lists].join('\n')}\n`, at);
}

/** The priorities of syslog, as sd-daemon(3) has them before a line. */
const priorities: Readonly<Record<LogLevel, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

/** @returns one event for the journal, which adds the time: a priority before each line, otherwise as for people */
export function journalLines(level: LogLevel, event: EventName, fields: Fields): string {
  const { rest, lists } = restOf(event, fields);
  const line = `${sentenceOf(event, fields)}${rest === '' ? '' : ` ${rest}`}`;
  const text = [line, ...lists].map((each) => `<${String(priorities[level])}>${each}\n`).join('');
  return inLocalTime(text, new Date());
}

/** @returns the fields that the sentence lacks: simple ones in one line, lists with a line for each entry */
function restOf(
  event: EventName,
  fields: Fields,
): { readonly rest: string; readonly lists: readonly string[] } {
  const used = new Set([...eventSentences[event].matchAll(placeholder)].map(([, name]) => name));
  const unused = Object.entries(fields).filter(([name, value]) => !used.has(name) && value !== undefined);
  const rest = unused
    .filter(([, value]) => typeof value !== 'object' && !selfContained.has(event))
    .map(([name, value]) => `${printable(name)}=${shown(value)}`)
    .join(' ');
  const lists = unused.flatMap(([, value]) => (typeof value === 'object' ? value : []));
  return { rest, lists: lists.map((text) => `    ${printable(text)}`) };
}

/** @returns the sentence of an event; `{count|client}` in it becomes `1 client` or `2 clients` */
export function sentenceOf(event: EventName, fields: Fields): string {
  return eventSentences[event].replace(placeholder, (_, name: string, noun: string | undefined) => {
    const text = shown(fields[name]);
    return noun === undefined ? text : `${text} ${noun}${fields[name] === 1 ? '' : 's'}`;
  });
}

/** Text from outside must not move the cursor, fake a line or change its direction. */
function shown(value: Fields[string]): string {
  return printable(typeof value === 'object' ? value.join(', ') : String(value ?? '?'));
}
