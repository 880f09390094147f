import { AdminClient } from './admin-client.ts';
import { adminPlaceOf, type AdminFlags } from './admin-place.ts';
import { databaseOf, readStatus } from './admin-reads.ts';
import { exitCodes } from './exit-codes.ts';
import type { Host } from './host.ts';
import { painter } from './plain.ts';
import { printable, printableJson, withPrintableTexts } from '../printable.ts';
import { statusText } from './status-text.ts';

export interface StatusFlags extends AdminFlags {
  readonly json?: boolean;
}

/**
 * Prints what a running tunnel believes and does.
 *
 * @param name the one database that is asked for
 * @returns the exit code: done where every database that is shown is served, failed where one is not
 */
export async function status(name: string | undefined, flags: StatusFlags, host: Host): Promise<number> {
  const client = new AdminClient(await adminPlaceOf(flags, host.env));
  const read = await readStatus(client);
  const only = name === undefined ? undefined : databaseOf(read, name);
  if (flags.json) {
    host.stdout.write(`${printableJson(only ? { ...read, databases: [only] } : read, 2)}\n`);
  } else {
    const shown = only && printable(only.name);
    const paint = painter(host.stdout.isColoured);
    host.stdout.write(statusText(withPrintableTexts(read), client.where, paint, shown));
  }
  return (only ?? read).ready ? exitCodes.done : exitCodes.failed;
}
