import { TunnelError } from '../errors.ts';
import { errnoWords } from '../net/errno.ts';
import { formatEndpoint, type Endpoint } from '../net/endpoint.ts';
import { tlsFailure } from '../net/tls.ts';

/** The server that is expected at the other end of a connection. */
export type Peer = 'redis' | 'sentinel';

/** The codes of the failures of a connection, by who is expected to answer. */
export const failureCodes = {
  redis: {
    unreachable: 'ST_REDIS_UNREACHABLE',
    timeout: 'ST_REDIS_TIMEOUT',
    replyInvalid: 'ST_REDIS_REPLY_INVALID',
    replyError: 'ST_REDIS_REPLY_ERROR',
  },
  sentinel: {
    unreachable: 'ST_SENTINEL_UNREACHABLE',
    timeout: 'ST_SENTINEL_TIMEOUT',
    replyInvalid: 'ST_SENTINEL_REPLY_INVALID',
    replyError: 'ST_SENTINEL_REPLY_ERROR',
  },
} as const;

/** @returns the end of a sentence about a connection that broke before the first byte, whether while connecting or after it */
export function whyNoFirstByte(error: Error): string {
  const isReset = 'code' in error && error.code === 'ECONNRESET';
  return isReset ? ' before it said anything: does this port want TLS?' : '';
}

/** @param more the end of the sentence, with its leading space */
export function unreachable(peer: Peer, endpoint: Endpoint, error: Error, more = ''): TunnelError {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.message;
  return new TunnelError(
    failureCodes[peer].unreachable,
    `Cannot reach ${formatEndpoint(endpoint)}: ${errnoWords(code)}${more}`,
    { cause: error },
  );
}

/** @param why the end of a sentence about the server */
export function tlsFailed(endpoint: Endpoint, why: string, cause?: Error): TunnelError {
  return new TunnelError('ST_TLS_FAILED', tlsFailure(endpoint, why), { cause });
}

/**
 * @param what what has not happened, after the name of the server: `has not answered PING`
 * @param ms the deadline that has passed, in milliseconds
 */
export function timedOut(peer: Peer, endpoint: Endpoint, what: string, ms: number): TunnelError {
  return new TunnelError(
    failureCodes[peer].timeout,
    `${formatEndpoint(endpoint)} ${what} within ${String(ms)} ms`,
  );
}
