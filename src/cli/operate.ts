import { TunnelError } from '../errors.ts';
import { AdminClient } from './admin-client.ts';
import { adminPlaceOf, type AdminFlags } from './admin-place.ts';
import { databaseOf, readStatus } from './admin-reads.ts';
import { exitCodes } from './exit-codes.ts';
import { wholeNumber } from './failovers.ts';
import type { HoldView } from '../tunnel/route.ts';
import type { Host } from './host.ts';
import { count, lasting } from '../admin/wording.ts';
import { clock } from '../telemetry/local-time.ts';
import { printable, printableJson, withPrintableTexts } from '../printable.ts';

export interface OperateFlags extends AdminFlags {
  readonly json?: boolean;
}

export interface HoldFlags extends OperateFlags {
  readonly forMs?: string;
}

/** The longest hold that a tunnel takes, a day, in milliseconds. */
const longestHoldMs = 86_400_000;
/** A reload opens listeners and reads files, which is done well within this, in milliseconds. */
const reloadMs = 30_000;

/** Lets new clients of a database wait. */
export async function hold(name: string, flags: HoldFlags, host: Host): Promise<number> {
  const forMs =
    flags.forMs === undefined ? undefined : wholeNumber(flags.forMs, '--for-ms', 1, longestHoldMs);
  const body = await act<{ hold: HoldView }>(name, 'hold', flags, host, forMs === undefined ? {} : { forMs });
  const { until, holdMs } = withPrintableTexts(body).hold;
  return done(
    flags,
    host,
    body,
    `${printable(name)}: held until ${clock(until, new Date())}, or until "sentinel-tunnel release ${printable(name)}": new clients wait, each for ${lasting(holdMs)} at most (holdMs), and then it is refused`,
  );
}

/** Ends a hold. */
export async function release(name: string, flags: OperateFlags, host: Host): Promise<number> {
  const body = await act<{ released: boolean }>(name, 'release', flags, host);
  const { released } = body;
  return done(
    flags,
    host,
    body,
    `${printable(name)}: ${released ? 'new clients are served again' : 'was not held'}`,
  );
}

/** Cuts every session of a database. */
export async function cut(name: string, flags: OperateFlags, host: Host): Promise<number> {
  const body = await act<{ cut: number }>(name, 'cut', flags, host);
  const { cut: many } = withPrintableTexts(body);
  return done(flags, host, body, `${printable(name)}: ${count(many, 'session')} cut`);
}

/** Has the tunnel read its configuration file again. */
export async function reload(flags: OperateFlags, host: Host): Promise<number> {
  const client = new AdminClient(await adminPlaceOf(flags, host.env));
  const body = await client.json<{ changes: readonly string[] }>('/reload', {
    method: 'POST',
    withinMs: reloadMs,
    inLines: true,
  });
  const { changes } = withPrintableTexts(body);
  const lines = [
    changes.length === 0 ? 'Reloaded: nothing has changed' : `Reloaded: ${count(changes.length, 'change')}`,
  ];
  return done(flags, host, body, [...lines, ...changes.map((change) => `  ${change}`)].join('\n'));
}

/** Has an action done to a database, and gives the answer. */
async function act<T>(
  name: string,
  action: string,
  flags: OperateFlags,
  host: Host,
  wishes: object = {},
): Promise<T> {
  const client = new AdminClient(await adminPlaceOf(flags, host.env));
  return await orderOf<T>(client, name, action, wishes);
}

/** @throws TunnelError as the client does, and `ST_USAGE` with the names that there are */
export async function orderOf<T>(
  client: AdminClient,
  name: string,
  action: string,
  wishes: object,
  withinMs?: number,
): Promise<T> {
  try {
    return await client.json<T>(`/databases/${encodeURIComponent(name)}/${action}`, {
      method: 'POST',
      body: wishes,
      ...(withinMs !== undefined && { withinMs }),
    });
  } catch (error) {
    // The server does not list the names, which help with a misspelt one.
    if (error instanceof TunnelError && error.code === 'ST_ADMIN_REFUSED')
      databaseOf(await readStatus(client), name);
    throw error;
  }
}

export function done({ json }: OperateFlags, host: Host, body: unknown, text: string): number {
  host.stdout.write(json ? `${printableJson(body, 2)}\n` : `${text}\n`);
  return exitCodes.done;
}
