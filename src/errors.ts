/**
 * Every error this product raises on purpose has one of these codes. They are an interface: `docs/errors.md`
 * lists each with its cause and its remedy, and a test compares the two.
 */
export const errorCodes = [
  'ST_USAGE',
  'ST_CONFIG_UNREADABLE',
  'ST_CONFIG_INVALID',
  'ST_LOG_UNWRITABLE',
  'ST_LISTEN_FAILED',
  'ST_ENGINE_UNAVAILABLE',
  'ST_SENTINEL_UNREACHABLE',
  'ST_SENTINEL_TIMEOUT',
  'ST_SENTINEL_REPLY_INVALID',
  'ST_SENTINEL_REPLY_ERROR',
  'ST_SENTINEL_AUTH',
  'ST_SENTINEL_PERMISSION',
  'ST_REDIS_UNREACHABLE',
  'ST_REDIS_TIMEOUT',
  'ST_REDIS_REPLY_INVALID',
  'ST_REDIS_REPLY_ERROR',
  'ST_REDIS_AUTH',
  'ST_TLS_FAILED',
  'ST_ADMIN_UNREACHABLE',
  'ST_ADMIN_DENIED',
  'ST_ADMIN_REFUSED',
  'ST_FAILOVER_FAILED',
  'ST_CLOSED',
] as const;

export type ErrorCode = (typeof errorCodes)[number];

/** An error with a stable code, a sentence for a person, and the cause underneath. */
export class TunnelError extends Error {
  override readonly name = 'TunnelError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
    super(message, options);
    this.code = code;
  }
}

/** The text of anything thrown, for a log field or the end of a sentence. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
