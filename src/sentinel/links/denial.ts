import type { ErrorCode } from '../../errors.ts';

/** A Sentinel that denies us is queried this seldom, in milliseconds: nothing changes until a person acts. */
export const deniedMs = 5_000;

/** An operator has to change something before the Sentinel answers us. */
export type Denial = Extract<ErrorCode, 'ST_SENTINEL_AUTH' | 'ST_SENTINEL_PERMISSION'>;

/** @returns the kind of denial that an error reply is, by its first word; Redis before 6 has `ERR` where later versions have `WRONGPASS` */
export function denialOf(text: string): Denial | undefined {
  if (/^(NOAUTH|WRONGPASS)\b|^ERR invalid password/.test(text)) return 'ST_SENTINEL_AUTH';
  return /^NOPERM\b/.test(text) ? 'ST_SENTINEL_PERMISSION' : undefined;
}

/** Whether an error reply to SENTINEL comes from a server that is not a Sentinel: Redis does not know that command. */
export function isNotSentinel(text: string): boolean {
  return /^ERR unknown command\b.*sentinel/i.test(text);
}

/** Whether an error reply means that a command is not available to us: an ACL forbids it, or the server does not have it. */
export function isUnavailable(text: string): boolean {
  return /^NOPERM\b|^ERR unknown (sub)?command/i.test(text);
}

/** An error reply of a Sentinel, with what to do about it where that is known. */
export function explainError(text: string): string {
  if (text.startsWith('NOAUTH'))
    return `it asks for a password, set sentinel.password or sentinel.passwordFile (${text})`;
  if (text.startsWith('NOPERM'))
    return `its ACL denies the query, the user needs at least +sentinel|get-master-addr-by-name (${text})`;
  if (isNotSentinel(text))
    return `it is not a Sentinel but looks like a Redis server: is this the right port? (${text})`;
  return text;
}
