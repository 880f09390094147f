import { TunnelError, type ErrorCode } from '../../errors.ts';
import type { Connection } from '../../redis/connection.ts';

/** A Sentinel that denies us is asked this seldom, in milliseconds: nothing changes until a person acts. */
export const deniedMs = 5_000;

/** What a Sentinel or a person has to change before it answers us. */
export type Denial = Extract<ErrorCode, 'ST_SENTINEL_AUTH' | 'ST_SENTINEL_PERMISSION'>;

/** Tells a denial from other error replies, by its first word; Redis before 6 says `ERR` where later ones say why. */
export function denialOf(text: string): Denial | undefined {
  if (/^(NOAUTH|WRONGPASS)\b|^ERR invalid password/.test(text)) return 'ST_SENTINEL_AUTH';
  return /^NOPERM\b/.test(text) ? 'ST_SENTINEL_PERMISSION' : undefined;
}

/** Whether an error reply to SENTINEL comes from what is no Sentinel: a Redis server does not know that command. */
export function isOfNoSentinel(text: string): boolean {
  return /^ERR unknown command\b.*sentinel/i.test(text);
}

/** An error reply to a question, with what to do where that is known. */
export function explainDenial(text: string): string {
  if (text.startsWith('NOAUTH'))
    return `it asks for a password, set sentinel.password or sentinel.passwordFile (${text})`;
  if (text.startsWith('NOPERM'))
    return `its ACL does not let us ask, the user needs at least +sentinel|get-master-addr-by-name (${text})`;
  if (isOfNoSentinel(text))
    return `it is no Sentinel, and looks like a Redis server: is it the right port? (${text})`;
  return text;
}

/**
 * Closes a connection to a Sentinel that has refused our credentials.
 *
 * @throws TunnelError `ST_SENTINEL_AUTH`
 */
export function assertLoggedIn(connection: Connection): void {
  const { login } = connection;
  if (login.kind !== 'refused') return;
  connection.close();
  throw new TunnelError('ST_SENTINEL_AUTH', `it refuses the credentials of "sentinel": ${login.why}`);
}
