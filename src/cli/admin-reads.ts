import type { DatabaseStatus, Status } from '../admin/status.ts';
import { TunnelError } from '../errors.ts';
import { printable } from '../printable.ts';
import type { FailoverRecord } from '../tunnel/failover-record.ts';
import type { AdminClient } from './admin-client.ts';

/** @throws TunnelError as the client does */
export function readStatus(client: AdminClient, withinMs?: number): Promise<Status> {
  return client.json<Status>('/status', withinMs === undefined ? {} : { withinMs });
}

/** The failovers of a database, or of all, oldest first. */
export async function readFailovers(
  client: AdminClient,
  database: string | undefined,
  last: number,
): Promise<readonly FailoverRecord[]> {
  const query = new URLSearchParams({ last: String(last), ...(database !== undefined && { database }) });
  const body = await client.json<{ readonly failovers: readonly FailoverRecord[] }>(
    `/failovers?${query.toString()}`,
  );
  return body.failovers;
}

/** @throws TunnelError `ST_USAGE` where there is no such database, with the names that exist */
export function databaseOf(status: Status, name: string): DatabaseStatus {
  const found = status.databases.find((database) => database.name === name);
  if (found) return found;
  const names = status.databases.map((database) => `"${printable(database.name)}"`).join(', ');
  throw new TunnelError('ST_USAGE', `No database "${printable(name)}", expected one of ${names}`);
}
