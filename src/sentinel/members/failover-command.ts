import { TunnelError } from '../../errors.ts';
import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import type { Access } from '../../net/tls.ts';
import { replyTo, type Command } from '../../redis/query.ts';
import { ReplyError } from '../../redis/resp.ts';
import { querySentinel } from '../links/query.ts';

/** What those errors of `SENTINEL FAILOVER` mean that do not say it, as NOGOODSLAVE and INPROG do (redis 7.0.15, sentinel.c). */
const meanings: Readonly<Record<string, string>> = {
  NOPERM: 'the user of "sentinel" has no permission for SENTINEL FAILOVER',
  NOAUTH: 'Sentinel requires a password',
};

/**
 * Sends `SENTINEL FAILOVER` to one Sentinel after the other, until one of them answers.
 *
 * @param sentinels in the order in which they are tried
 * @param ms deadline for connecting, for the reply to AUTH and for the reply, in milliseconds
 * @returns the Sentinel that has begun the failover, as `host:port`
 * @throws TunnelError `ST_SENTINEL_REPLY_ERROR` with the refusal of a Sentinel, or why none could be asked
 */
export async function commandFailover(
  name: string,
  sentinels: readonly Endpoint[],
  ms: number,
  access: Access,
): Promise<string> {
  const command: Command = ['SENTINEL', 'FAILOVER', name];
  let failure = new TunnelError(
    'ST_SENTINEL_UNREACHABLE',
    `Cannot ask for a failover of "${name}": no Sentinel that answers monitors it`,
  );
  for (const sentinel of sentinels) {
    const replies = await querySentinel(sentinel, [command], { access, ms });
    const reply = replyTo(replies, command);
    if (reply instanceof ReplyError) throw refusal(name, sentinel, reply);
    if (reply !== undefined) return formatEndpoint(sentinel);
    const { code = 'ST_SENTINEL_UNREACHABLE', text = 'it gave no answer' } = replies.failure ?? {};
    failure = new TunnelError(code, text);
  }
  throw failure;
}

function refusal(name: string, sentinel: Endpoint, { text, code }: ReplyError): TunnelError {
  const meaning = meanings[code];
  return new TunnelError(
    'ST_SENTINEL_REPLY_ERROR',
    `${formatEndpoint(sentinel)} refuses a failover of "${name}": ${text}${meaning === undefined ? '' : ` (${meaning})`}`,
  );
}
