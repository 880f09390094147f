import { TunnelError } from '../errors.ts';
import { AdminClient } from './admin-client.ts';
import { adminPlaceOf, type AdminFlags } from './admin-place.ts';
import { databaseOf, readFailovers, readStatus } from './admin-reads.ts';
import { exitCodes } from './exit-codes.ts';
import type { Host } from './host.ts';
import { painter } from './plain.ts';
import { printable, printableJson, withPrintableTexts } from '../printable.ts';
import { failoverText } from './status-text.ts';

export interface FailoversFlags extends AdminFlags {
  readonly last?: string;
  readonly json?: boolean;
}

/** Few enough that the latest is still on the screen. */
const usualStories = 5;
/** What a query may ask for. */
const mostStories = 999_999;

/** Prints the stories of the latest failovers of a database, or of all. */
export async function failovers(
  name: string | undefined,
  flags: FailoversFlags,
  host: Host,
): Promise<number> {
  const client = new AdminClient(await adminPlaceOf(flags, host.env));
  const last =
    flags.last === undefined ? usualStories : wholeNumber(flags.last, '--last', 1, mostStories - 1);
  // Asked first, since it knows the names that there are.
  if (name !== undefined) databaseOf(await readStatus(client), name);
  const found = await readFailovers(client, name, last + 1);
  const shown = found.slice(-last);
  if (flags.json) {
    host.stdout.write(`${printableJson(shown, 2)}\n`);
    return exitCodes.done;
  }
  const paint = painter(host.stdout.isColoured);
  const now = new Date();
  if (shown.length === 0) {
    host.stdout.write(`No failover${name === undefined ? '' : ` of ${printable(name)}`} has been seen\n`);
  }
  if (shown.length < found.length && flags.last === undefined) {
    host.stdout.write(`The latest ${String(last)}; --last has more\n\n`);
  }
  host.stdout.write(
    withPrintableTexts(shown)
      .map((story) => failoverText(story, now, paint))
      .join('\n'),
  );
  return exitCodes.done;
}

/**
 * Reads a whole number of a flag.
 *
 * @throws TunnelError `ST_USAGE`
 */
export function wholeNumber(text: string, flag: string, least: number, most: number): number {
  const number = /^\d{1,9}$/.test(text) ? Number(text) : Number.NaN;
  if (number >= least && number <= most) return number;
  throw new TunnelError(
    'ST_USAGE',
    `${flag}: expected a whole number from ${String(least)} to ${String(most)}, got "${printable(text)}"`,
  );
}
