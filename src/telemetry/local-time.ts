/** @returns the text with its ISO 8601 times in UTC replaced by local times */
export function inLocalTime(text: string, now: Date): string {
  return text.replace(/\b\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(?:\.\d+)?Z/g, (iso) => clock(iso, now));
}

/** @returns the local time of the day, with the date if it is not today */
export function clock(iso: string, now: Date): string {
  const at = new Date(iso);
  if (Number.isNaN(at.getTime())) return '?';
  return at.toDateString() === now.toDateString() ? timeOf(at) : `${dateOf(at)} ${timeOf(at)}`;
}

/** @returns the local date and time, to the millisecond */
export function stamp(at: Date): string {
  return `${dateOf(at)} ${timeOf(at)}.${String(at.getMilliseconds()).padStart(3, '0')}`;
}

function dateOf(at: Date): string {
  return `${String(at.getFullYear())}-${two(at.getMonth() + 1)}-${two(at.getDate())}`;
}

function timeOf(at: Date): string {
  return [at.getHours(), at.getMinutes(), at.getSeconds()].map(two).join(':');
}

function two(part: number): string {
  return String(part).padStart(2, '0');
}
