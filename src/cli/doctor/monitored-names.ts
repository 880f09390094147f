import { closest } from '../../config/problems.ts';

/** The most names that are listed, and the longest part of each that is shown. */
const mostNames = 12;
const longestName = 80;

/** Which names the Sentinels monitor, and which of them was probably meant by one that they do not. */
export function monitoredNames(wanted: string, monitored: ReadonlySet<string>): string {
  const names = nearestFirst(wanted, monitored);
  const [first] = names;
  if (first === undefined) return 'They monitor nothing';
  const isNear = closest(wanted, [first]) !== undefined;
  const more = names.length > mostNames ? `, and ${String(names.length - mostNames)} more` : '';
  const listed = names.slice(0, mostNames).map(quoted).join(', ');
  return `${isNear ? `Did you mean ${quoted(first)}? ` : ''}They monitor: ${listed}${more}`;
}

/** The one that was probably meant first, the rest in the order of the alphabet. */
export function nearestFirst(text: string, words: ReadonlySet<string>): readonly string[] {
  const rest = [...words].toSorted();
  const sorted: string[] = [];
  for (let near = closest(text, rest); near !== undefined; near = closest(text, rest)) {
    sorted.push(near);
    rest.splice(rest.indexOf(near), 1);
  }
  return [...sorted, ...rest];
}

function quoted(name: string): string {
  return `"${name.length > longestName ? `${name.slice(0, longestName)}…` : name}"`;
}
