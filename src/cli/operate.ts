import { TunnelError } from '../errors.ts';
import { AdminClient } from './admin-client.ts';
import { adminPlaceOf, type AdminFlags } from './admin-place.ts';
import { databaseOf, readStatus } from './admin-reads.ts';
import { exitCodes } from './exit-codes.ts';
import { wholeNumber } from './failovers.ts';
import type { Host } from './host.ts';
import { count, lasting } from './plain.ts';
import { clock } from '../telemetry/local-time.ts';
import { printable, printableJson } from '../printable.ts';
import { isFlag, isNumber, isText, listOf, mapping, type Check } from './shape.ts';

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
  const isHold = mapping({ hold: mapping({ until: isText, reason: isText, holdMs: isNumber }) });
  const body = await act(name, 'hold', flags, host, isHold, forMs === undefined ? {} : { forMs });
  const { until, holdMs } = (body as { readonly hold: { readonly until: string; readonly holdMs: number } })
    .hold;
  return done(
    flags,
    host,
    body,
    `${printable(name)}: held until ${clock(until, new Date())}, or until "sentinel-tunnel release ${printable(name)}": new clients wait, each for ${lasting(holdMs)} at most (holdMs), and then it is refused`,
  );
}

/** Ends a hold. */
export async function release(name: string, flags: OperateFlags, host: Host): Promise<number> {
  const body = await act(name, 'release', flags, host, mapping({ released: isFlag }));
  const { released } = body as { readonly released: boolean };
  return done(
    flags,
    host,
    body,
    `${printable(name)}: ${released ? 'new clients are served again' : 'was not held'}`,
  );
}

/** Cuts every session of a database. */
export async function cut(name: string, flags: OperateFlags, host: Host): Promise<number> {
  const body = await act(name, 'cut', flags, host, mapping({ cut: isNumber }));
  const { cut: many } = body as { readonly cut: number };
  return done(flags, host, body, `${printable(name)}: ${count(many, 'session')} cut`);
}

/** Has the tunnel read its configuration file again. */
export async function reload(flags: OperateFlags, host: Host): Promise<number> {
  const client = new AdminClient(await adminPlaceOf(flags, host.env));
  const body = await client.json('/reload', { method: 'POST', withinMs: reloadMs, inLines: true });
  if (!mapping({ changes: listOf(isText) })(body)) throw strange(client);
  const { changes } = body as { readonly changes: readonly string[] };
  const lines = [
    changes.length === 0 ? 'Reloaded: nothing has changed' : `Reloaded: ${count(changes.length, 'change')}`,
  ];
  return done(flags, host, body, [...lines, ...changes.map((change) => `  ${printable(change)}`)].join('\n'));
}

/** Has an action done to a database, and gives the answer, which fits. */
async function act(
  name: string,
  action: string,
  flags: OperateFlags,
  host: Host,
  fits: Check,
  wishes: object = {},
): Promise<unknown> {
  const client = new AdminClient(await adminPlaceOf(flags, host.env));
  const body = await orderOf(client, name, action, wishes);
  if (!fits(body)) throw strange(client);
  return body;
}

/** @throws TunnelError as the client does, and `ST_USAGE` with the names that there are */
export async function orderOf(
  client: AdminClient,
  name: string,
  action: string,
  wishes: object,
  withinMs?: number,
): Promise<unknown> {
  try {
    return await client.json(`/databases/${encodeURIComponent(name)}/${action}`, {
      method: 'POST',
      body: wishes,
      ...(withinMs !== undefined && { withinMs }),
    });
  } catch (error) {
    // The server does not list the names; who misspelt one wants to see them.
    if (error instanceof TunnelError && error.code === 'ST_ADMIN_REFUSED')
      databaseOf(await readStatus(client), name);
    throw error;
  }
}

export function strange(client: AdminClient): TunnelError {
  return new TunnelError(
    'ST_ADMIN_UNREACHABLE',
    `What answers at ${client.where} is no Sentinel Tunnel of this version`,
  );
}

export function done({ json }: OperateFlags, host: Host, body: unknown, text: string): number {
  host.stdout.write(json ? `${printableJson(body, 2)}\n` : `${text}\n`);
  return exitCodes.done;
}
