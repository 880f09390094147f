import { printable } from '../printable.ts';
import { type EventName, eventSentences } from './events.ts';
import { inLocalTime, stamp } from './local-time.ts';
import type { Fields, LogLevel } from './log.ts';

const colours: Readonly<Record<LogLevel, string>> = { debug: '2', info: '36', warn: '33', error: '31' };

/** A field in a sentence, and the noun that its number counts. */
const placeholder = /\{(\w+)(?:\|(\w+))?\}/g;

/** Events whose sentence and lists say all that their other fields do. */
const selfContained: ReadonlySet<EventName> = new Set(['failover.story']);

/** One event as a line for a person: local date and time, level, the event's sentence, and what the sentence did not say. */
export function prettyLine(
  at: Date,
  level: LogLevel,
  event: EventName,
  fields: Fields,
  isColoured: boolean,
): string {
  const paint = (code: string, text: string): string =>
    isColoured ? `\u001b[${code}m${text}\u001b[0m` : text;
  const { rest, lists } = unsaidOf(event, fields);
  const word = paint(colours[level], level.toUpperCase().padEnd(5));
  const more = rest === '' ? '' : ` ${paint('2', rest)}`;
  const line = `${paint('2', stamp(at))} ${word} ${sentenceOf(event, fields)}${more}`;
  return inLocalTime(`${[line, ...lists].join('\n')}\n`, at);
}

/** The priorities of syslog, as sd-daemon(3) has them before a line. */
const priorities: Readonly<Record<LogLevel, number>> = { debug: 7, info: 6, warn: 4, error: 3 };

/** One event for the journal, which knows the time: a priority before each line, then as for a person. */
export function journalLines(level: LogLevel, event: EventName, fields: Fields): string {
  const { rest, lists } = unsaidOf(event, fields);
  const line = `${sentenceOf(event, fields)}${rest === '' ? '' : ` ${rest}`}`;
  const text = [line, ...lists].map((each) => `<${String(priorities[level])}>${each}\n`).join('');
  return inLocalTime(text, new Date());
}

/** What the sentence does not say: facts in one line, and lists, which are stories, a line each. */
function unsaidOf(
  event: EventName,
  fields: Fields,
): { readonly rest: string; readonly lists: readonly string[] } {
  const said = new Set([...eventSentences[event].matchAll(placeholder)].map(([, name]) => name));
  const unsaid = Object.entries(fields).filter(([name, value]) => !said.has(name) && value !== undefined);
  const rest = unsaid
    .filter(([, value]) => typeof value !== 'object' && !selfContained.has(event))
    .map(([name, value]) => `${printable(name)}=${shown(value)}`)
    .join(' ');
  const lists = unsaid.flatMap(([, value]) => (typeof value === 'object' ? value : []));
  return { rest, lists: lists.map((text) => `    ${printable(text)}`) };
}

/** An event as a sentence. `{count|client}` in it is a number with its noun: `1 client`, `2 clients`. */
export function sentenceOf(event: EventName, fields: Fields): string {
  return eventSentences[event].replace(placeholder, (_, name: string, noun: string | undefined) => {
    const text = shown(fields[name]);
    return noun === undefined ? text : `${text} ${noun}${fields[name] === 1 ? '' : 's'}`;
  });
}

/** Words of others (a Sentinel's payload, a name) must not move the cursor, fake a line, or turn the direction of one. */
function shown(value: Fields[string]): string {
  return printable(typeof value === 'object' ? value.join(', ') : String(value ?? '?'));
}
