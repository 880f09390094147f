import { messageOf, TunnelError } from '../../errors.ts';
import type { AddressMap } from '../../net/address-map.ts';
import type { Endpoint } from '../../net/endpoint.ts';
import type { Access } from '../../net/tls.ts';
import { Connection } from '../../redis/connection.ts';
import { denialOf } from './denial.ts';
import { longReply, ReplyError, type Reply } from '../../redis/resp.ts';
import { readMyId, readSentinels, readServers, type Named, type WatchedServer } from './announcement.ts';

/** What a Sentinel says of itself and of those around one master. */
export interface Acquaintance {
  readonly name: string;
  /** Its run id, where it tells it. */
  readonly id: string | undefined;
  /** The other Sentinels that it names, those that are up first; `undefined` where it could not be read. */
  readonly sentinels: readonly Named[] | undefined;
  /** Those of the master, by the port that every server has; `undefined` for the announced ones. */
  readonly replicas: ReadonlyMap<number | undefined, readonly WatchedServer[]>;
  /** What could not be read, and why; `undefined` where all could, or is not allowed to us. */
  readonly trouble: string | undefined;
}

/** The masters to ask about, and for each the ports that all its servers have, for those who watch it, whatever is announced. */
export type Ports = ReadonlyMap<string, ReadonlySet<number | undefined>>;

/** No more of what one Sentinel lists is kept. */
const mostKept = 512;

/**
 * Asks a Sentinel who it is, and which Sentinels and replicas it knows for each master.
 *
 * None of this is needed to find a master, so it is asked on a connection of its own: an answer that is too long, senseless
 * or missing costs nothing but itself. That connection may even lead to another Sentinel than the last one, where a load
 * balancer stands before them, which is why the run id is asked for with it.
 *
 * @param ms deadline of every step, in milliseconds
 * @returns nothing where the Sentinel cannot be reached or does not let us in: whoever asks it for the master says so
 */
export async function introduce(
  endpoint: Endpoint,
  ports: Ports,
  map: AddressMap,
  ms: number,
  access: Access,
  signal: AbortSignal,
): Promise<readonly Acquaintance[]> {
  let connection: Connection;
  try {
    connection = await Connection.open(endpoint, ms, signal, access, undefined, longReply);
  } catch {
    return []; // the round that asks for the master meets the same, and reports it
  }
  try {
    if (connection.login.kind === 'refused') return [];
    return await Promise.all([...ports].map((each) => ask(connection, each, map, ms)));
  } finally {
    connection.close();
  }
}

async function ask(
  connection: Connection,
  [name, ports]: readonly [string, ReadonlySet<number | undefined>],
  map: AddressMap,
  ms: number,
): Promise<Acquaintance> {
  const troubles: string[] = [];
  const reply = async (...command: readonly string[]): Promise<Reply> => {
    try {
      const answer = await connection.ask(command, ms);
      if (answer instanceof ReplyError && !isExpected(answer)) troubles.push(answer.text);
      return answer;
    } catch (error) {
      // That the Sentinel is gone is for the round that asks for the master to say.
      const code = error instanceof TunnelError ? error.code : undefined;
      if (code === 'ST_SENTINEL_REPLY_INVALID' || code === 'ST_SENTINEL_TIMEOUT')
        troubles.push(messageOf(error));
      return null;
    }
  };
  const [id, replicas, sentinels] = await Promise.all([
    reply('SENTINEL', 'MYID'),
    reply('SENTINEL', 'REPLICAS', name),
    reply('SENTINEL', 'SENTINELS', name),
  ]);
  const origin = { map, isRemote: connection.isRemote };
  const named = Array.isArray(sentinels) ? readSentinels(sentinels, origin) : undefined;
  return {
    ...{ name, id: readMyId(id), trouble: troubles[0] },
    sentinels: named?.toSorted((a, b) => Number(b.isUp) - Number(a.isUp)).slice(0, mostKept),
    replicas: new Map(
      [...ports].map(
        (port) => [port, readServers(replicas, { ...origin, port }).slice(0, mostKept)] as const,
      ),
    ),
  };
}

/** What older versions, Redis Enterprise and an ACL say to a question that is not for them or for us. */
function isExpected({ text }: ReplyError): boolean {
  return denialOf(text) !== undefined || /^ERR (unknown (sub)?command|No such master)/i.test(text);
}
