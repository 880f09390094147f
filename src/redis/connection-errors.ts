import { TunnelError } from '../errors.ts';
import { errnoWords } from '../net/errno.ts';
import { formatEndpoint, type Endpoint } from '../net/endpoint.ts';
import { tlsFailure } from '../net/tls.ts';

/** The same whether the reset comes while we connect or just afterwards: that is a matter of chance. */
export function wordless(error: Error): string {
  const isReset = 'code' in error && error.code === 'ECONNRESET';
  return isReset ? ' before it said anything: does this port want TLS?' : '';
}

export function cannotReach(endpoint: Endpoint, error: Error, more = ''): TunnelError {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : error.message;
  return new TunnelError(
    'ST_SENTINEL_UNREACHABLE',
    `Cannot reach ${formatEndpoint(endpoint)}: ${errnoWords(code)}${more}`,
    { cause: error },
  );
}

export function noTls(endpoint: Endpoint, why: string, cause?: Error): TunnelError {
  return new TunnelError('ST_TLS_FAILED', tlsFailure(endpoint, why), { cause });
}

export function timedOut(endpoint: Endpoint, what: string, ms: number): TunnelError {
  return new TunnelError(
    'ST_SENTINEL_TIMEOUT',
    `${formatEndpoint(endpoint)} ${what} within ${String(ms)} ms`,
  );
}
