import type { SentinelConfig } from '../../config/types.ts';
import { messageOf, TunnelError } from '../../errors.ts';
import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import { Connection } from '../../redis/connection.ts';
import { assertLoggedIn, denialOf, explainDenial, isOfNoSentinel } from '../links/denial.ts';
import { asMap, ReplyError, type Reply } from '../../redis/resp.ts';
import { readSentinels, type Named } from '../links/announcement.ts';

/** What some Sentinels monitor, each asked once. */
export interface Inventory {
  /** The names of the masters that any of them monitors, sorted. */
  readonly masters: readonly string[];
  /** The Sentinels that were asked and answer, in the order of asking, and then those that these name. */
  readonly sentinels: readonly Endpoint[];
  /** Why any that was asked, or was named by another, has no answer to give. */
  readonly silent: readonly {
    readonly sentinel: Endpoint;
    readonly why: string;
    /** Whether it answered, and wants another user or password. */
    readonly isDenied: boolean;
  }[];
}

/** The most masters that are asked about, so that a Sentinel which invents them ends somewhere. */
const mostMasters = 256;

/** Asks every given Sentinel what it monitors and which others do, and whether those answer too. Never throws. */
export async function takeInventory(given: readonly Endpoint[], config: SentinelConfig): Promise<Inventory> {
  const first = await Promise.all(given.map((endpoint) => ask(endpoint, config)));
  // Whoever was asked by a host name is named by its address here, and told by its id.
  const knownIds = new Set(first.map(({ id }) => id));
  const named = new Map(
    first
      .flatMap(({ others }) => others)
      .filter(({ id }) => id === undefined || !knownIds.has(id))
      .map(({ endpoint }) => [formatEndpoint(endpoint), endpoint] as const),
  );
  for (const endpoint of given) named.delete(formatEndpoint(endpoint));
  const second = await Promise.all([...named.values()].map((endpoint) => ask(endpoint, config)));
  const all = [...first, ...second];
  return {
    masters: [...new Set(all.flatMap(({ masters }) => masters))].toSorted(),
    sentinels: all.filter(({ why }) => why === undefined).map(({ sentinel }) => sentinel),
    silent: all.flatMap(({ sentinel, why, isDenied }) =>
      why === undefined ? [] : [{ sentinel, why, isDenied }],
    ),
  };
}

interface Told {
  readonly sentinel: Endpoint;
  readonly masters: readonly string[];
  readonly others: readonly Named[];
  readonly id: string | undefined;
  readonly why: string | undefined;
  readonly isDenied: boolean;
}

async function ask(sentinel: Endpoint, config: SentinelConfig): Promise<Told> {
  const { replyMs } = config;
  const silent = (why: string, isDenied: boolean): Told => ({
    ...{ sentinel, masters: [], others: [], id: undefined },
    ...{ why, isDenied },
  });
  let connection: Connection | undefined;
  try {
    connection = await Connection.open(sentinel, replyMs, undefined, config);
    assertLoggedIn(connection);
    const reply = await connection.ask(['SENTINEL', 'MASTERS'], replyMs);
    if (reply instanceof ReplyError) {
      const why = isOfNoSentinel(reply.text) ? explainDenial(reply.text) : reply.text;
      return silent(
        `${formatEndpoint(sentinel)} answers SENTINEL MASTERS with: ${why}`,
        denialOf(reply.text) !== undefined,
      );
    }
    const masters = namesIn(reply).slice(0, mostMasters);
    const id = await connection.ask(['SENTINEL', 'MYID'], replyMs);
    const others: Named[] = [];
    for (const name of masters) {
      others.push(...readSentinels(await connection.ask(['SENTINEL', 'SENTINELS', name], replyMs)));
    }
    return {
      ...{ sentinel, masters, others, id: typeof id === 'string' ? id : undefined },
      ...{ why: undefined, isDenied: false },
    };
  } catch (error) {
    const isDenied = error instanceof TunnelError && error.code === 'ST_SENTINEL_AUTH';
    return silent(`${isDenied ? `${formatEndpoint(sentinel)}: ` : ''}${messageOf(error)}`, isDenied);
  } finally {
    connection?.close();
  }
}

function namesIn(reply: Reply): string[] {
  if (!Array.isArray(reply)) return [];
  return (reply as readonly Reply[]).flatMap((entry) => asMap(entry).get('name') ?? []);
}
