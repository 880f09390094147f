import type { SentinelConfig } from '../../config/types.ts';
import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import { replyTo, type ServerReplies } from '../../redis/query.ts';
import { ReplyError } from '../../redis/resp.ts';
import { readSentinels, rowsOf } from '../links/answer.ts';
import { denialOf, explainError, isNotSentinel } from '../links/denial.ts';
import { masterCommands, mastersCommand, myIdCommand, myIdFrom, querySentinel } from '../links/query.ts';

/** What some Sentinels monitor. */
export interface Inventory {
  /** The names of the masters that any of them monitors, sorted. */
  readonly masters: readonly string[];
  /** The Sentinels that answer: first those that were given, in their order, then those that these list. */
  readonly sentinels: readonly Endpoint[];
  /** The Sentinels that do not answer, and why. */
  readonly silent: readonly SilentSentinel[];
}

/** A Sentinel without an answer. */
export interface SilentSentinel {
  readonly sentinel: Endpoint;
  readonly why: string;
  /** Whether it answers, but denies us: it wants another user or password. */
  readonly isDenied: boolean;
}

/** At most this many masters are queried, in case a Sentinel invents them. */
const maxMasters = 256;

/** Queries the given Sentinels, and those that they list, for the masters that they monitor. Never throws. */
export async function takeInventory(given: readonly Endpoint[], config: SentinelConfig): Promise<Inventory> {
  const first = await Promise.all(given.map((endpoint) => ask(endpoint, config)));
  const others = (await Promise.all(first.map((each) => listed(each, config)))).flat();
  // A Sentinel that was given by host name is listed by address; its run id tells that it is the same.
  const knownIds = new Set(first.map(({ id }) => id));
  const fresh = new Map(
    others
      .filter(({ id }) => id === undefined || !knownIds.has(id))
      .map(({ endpoint }) => [formatEndpoint(endpoint), endpoint] as const),
  );
  for (const endpoint of given) fresh.delete(formatEndpoint(endpoint));
  const second = await Promise.all([...fresh.values()].map((endpoint) => ask(endpoint, config)));
  const all = [...first, ...second];
  return {
    masters: [...new Set(all.flatMap(({ masters }) => masters))].toSorted(),
    sentinels: all.filter(({ silent }) => !silent).map(({ endpoint }) => endpoint),
    silent: all.flatMap(({ silent }) => silent ?? []),
  };
}

interface Asked {
  readonly endpoint: Endpoint;
  readonly id: string | undefined;
  readonly masters: readonly string[];
  readonly silent: SilentSentinel | undefined;
}

async function ask(endpoint: Endpoint, config: SentinelConfig): Promise<Asked> {
  const options = { access: config, ms: config.replyMs };
  const replies = await querySentinel(endpoint, [mastersCommand, myIdCommand], options);
  const silent = silentIn(replies);
  const rows = silent ? [] : rowsOf(replyTo(replies, mastersCommand));
  const masters = rows.flatMap((row) => row.get('name') ?? []).slice(0, maxMasters);
  return { endpoint, id: myIdFrom(replies), masters, silent };
}

/** Why a Sentinel gives no list of masters; `undefined` where it does. */
function silentIn(replies: ServerReplies): SilentSentinel | undefined {
  const { endpoint: sentinel, server, failure, login } = replies;
  if (login.kind === 'refused')
    return {
      sentinel,
      why: `${server}: it refuses the credentials of "sentinel": ${login.why}`,
      isDenied: true,
    };
  const reply = replyTo(replies, mastersCommand);
  if (reply === undefined)
    return { sentinel, why: failure?.text ?? `${server} gave no answer`, isDenied: false };
  if (!(reply instanceof ReplyError)) return undefined;
  const text = isNotSentinel(reply.text) ? explainError(reply.text) : reply.text;
  return {
    sentinel,
    why: `${server} answers SENTINEL MASTERS with: ${text}`,
    isDenied: denialOf(reply.text) !== undefined,
  };
}

/** The other Sentinels that a Sentinel lists for any of its masters. */
async function listed(
  { endpoint, masters }: Asked,
  config: SentinelConfig,
): Promise<readonly { readonly id: string | undefined; readonly endpoint: Endpoint }[]> {
  if (masters.length === 0) return [];
  const commands = masters.map((name) => masterCommands.sentinels(name));
  const replies = await querySentinel(endpoint, commands, { access: config, ms: config.replyMs });
  return commands.flatMap((command) => readSentinels(replyTo(replies, command) ?? null));
}
