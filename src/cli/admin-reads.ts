import type { DatabaseStatus, Status } from '../admin/status.ts';
import { TunnelError } from '../errors.ts';
import type { FailoverStory } from '../tunnel/story.ts';
import type { AdminClient } from './admin-client.ts';
import { printable } from '../printable.ts';
import { isFlag, isNumber, isText, listOf, mapping, orNone, type Check } from './shape.ts';

export type Failovers = readonly FailoverStory[];

/** What `status` and `top` print of it. */
const isStatus: Check = mapping({
  version: isNumber,
  program: mapping({
    ...{ version: isText, engine: isText, threads: isNumber, state: isText, now: isText, uptimeMs: isNumber },
    ...{ configFile: orNone(isText), logTrouble: orNone(isText) },
    descriptors: orNone(mapping({ limit: isNumber, reserved: isNumber, connections: isNumber })),
  }),
  ready: isFlag,
  reasons: listOf(isText),
  databases: listOf(
    mapping({
      ...{ name: isText, ready: isFlag, phase: isText, since: isText, generation: isNumber },
      ...{
        reason: orNone(isText),
        master: orNone(isText),
        standing: orNone(isText),
        epoch: orNone(isNumber),
      },
      view: mapping({ phase: mapping({ reason: orNone(isText) }) }),
      degraded: listOf(isText),
      replicas: orNone(listOf(isText)),
      listen: listOf(mapping({ address: isText, open: isFlag, reason: orNone(isText) })),
      counters: orNone(
        mapping({
          ...{ open: isNumber, held: isNumber, admitted: isNumber, dialFailures: isNumber },
          ...{ upstreamBytes: isNumber, downstreamBytes: isNumber },
          ended: mapping({ refused: isNumber, evicted: isNumber }),
        }),
      ),
      hold: orNone(mapping({ since: isText, until: isText, reason: isText })),
      lastFailover: orNone(isStory),
    }),
  ),
  sentinels: listOf(
    mapping({
      ...{ address: isText, seed: isFlag, state: isText, subscription: isText, latencyMs: orNone(isNumber) },
      said: listOf(
        mapping({
          ...{ database: isText, kind: isText, at: isText, address: orNone(isText), epoch: orNone(isNumber) },
          ...{ text: orNone(isText), agrees: orNone(isFlag), flags: listOf(isText) },
        }),
      ),
    }),
  ),
  lastEventId: isText,
});

function isStory(value: unknown): boolean {
  return mapping({
    ...{ database: isText, at: isText, trigger: isText, from: isText, to: isText },
    ...{ generation: isNumber, cut: isNumber, held: isNumber },
    ...{ fencedMs: orNone(isNumber), promotedMs: orNone(isNumber), servedMs: orNone(isNumber) },
    ...{ firstByteMs: orNone(isNumber), confirmedMs: orNone(isNumber) },
  })(value);
}

const isFailovers: Check = mapping({
  failovers: listOf(
    (value) =>
      isStory(value) &&
      mapping({ lines: listOf(mapping({ ms: isNumber, who: isText, what: isText })) })(value),
  ),
});

/** @throws TunnelError as the client does, or `ST_ADMIN_UNREACHABLE` where the answer is not a status */
export async function readStatus(client: AdminClient, withinMs?: number): Promise<Status> {
  const body = await client.json('/status', withinMs === undefined ? {} : { withinMs });
  if (!isStatus(body)) throw stranger(client, 'status');
  return body as Status;
}

/** The stories of a database, or of all, oldest first. */
export async function readFailovers(
  client: AdminClient,
  database: string | undefined,
  last: number,
): Promise<Failovers> {
  const query = new URLSearchParams({ last: String(last), ...(database !== undefined && { database }) });
  const body = await client.json(`/failovers?${query.toString()}`);
  if (!isFailovers(body)) throw stranger(client, 'list of failovers');
  return (body as { readonly failovers: Failovers }).failovers;
}

/** @throws TunnelError `ST_USAGE` where there is no such database, with the names that there are */
export function databaseOf(status: Status, name: string): DatabaseStatus {
  const found = status.databases.find((database) => database.name === name);
  if (found) return found;
  const names = status.databases.map((database) => `"${printable(database.name)}"`).join(', ');
  throw new TunnelError('ST_USAGE', `No database "${printable(name)}": there is ${names}`);
}

function stranger(client: AdminClient, what: string): TunnelError {
  const text = `What answers at ${client.where} is no Sentinel Tunnel of this version: its ${what} cannot be read`;
  return new TunnelError('ST_ADMIN_UNREACHABLE', text);
}
