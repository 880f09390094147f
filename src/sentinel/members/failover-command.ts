import { TunnelError } from '../../errors.ts';
import { formatEndpoint, type Endpoint } from '../../net/endpoint.ts';
import type { Access } from '../../net/tls.ts';
import { Connection } from '../../redis/connection.ts';
import { ReplyError } from '../../redis/resp.ts';

/** What those errors of `SENTINEL FAILOVER` mean that do not say it themselves, as NOGOODSLAVE and INPROG do (redis 7.0.15, sentinel.c). */
const meanings: Readonly<Record<string, string>> = {
  NOPERM: 'the user that we are to Sentinel may not SENTINEL FAILOVER',
  NOAUTH: 'Sentinel wants a password',
};

/**
 * Asks Sentinels for a failover, one after the other, until one of them answers.
 *
 * @param candidates whom to ask, in this order
 * @param ms deadline of every step, in milliseconds
 * @returns who has begun it
 * @throws TunnelError `ST_SENTINEL_REPLY_ERROR` with what it says against it, or why nobody could be asked
 */
export async function orderFailover(
  name: string,
  candidates: readonly Endpoint[],
  ms: number,
  access: Access,
): Promise<string> {
  let last = new TunnelError(
    'ST_SENTINEL_UNREACHABLE',
    `Cannot ask for a failover of "${name}": no Sentinel that answers monitors it`,
  );
  for (const sentinel of candidates) {
    try {
      await order(name, sentinel, ms, access);
      return formatEndpoint(sentinel);
    } catch (error) {
      if (!(error instanceof TunnelError) || error.code === 'ST_SENTINEL_REPLY_ERROR') throw error;
      last = error; // it could not be reached: the next one is asked
    }
  }
  throw last;
}

async function order(name: string, sentinel: Endpoint, ms: number, access: Access): Promise<void> {
  const connection = await Connection.open(sentinel, ms, undefined, access);
  try {
    const reply = await connection.ask(['SENTINEL', 'FAILOVER', name], ms);
    if (!(reply instanceof ReplyError)) return;
    const [code = ''] = reply.text.split(' ');
    const meaning = meanings[code];
    throw new TunnelError(
      'ST_SENTINEL_REPLY_ERROR',
      `${formatEndpoint(sentinel)} refuses a failover of "${name}": ${reply.text}${meaning === undefined ? '' : ` (${meaning})`}`,
    );
  } finally {
    connection.close();
  }
}
