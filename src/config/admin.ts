import { messageOf } from '../errors.ts';
import { isLoopback, type ListenAddress } from '../net/endpoint.ts';
import { Secret } from '../net/secret.ts';
import type { AdminConfig } from './types.ts';
import type { ReadFile } from './files.ts';
import { readListenAddress } from './listen.ts';
import type { Path, Problem } from './problems.ts';

/** What the schema has read of the admin listener. */
export interface AdminInput {
  readonly listen?: string | number | undefined;
  readonly token?: string | undefined;
  readonly tokenFile?: string | undefined;
  readonly hosts: readonly string[];
}

const defaultAdminListen = '127.0.0.1:9121';
/**
 * The admin listener that is asked for, and what is wrong with it.
 *
 * @param isDefault whether there is one where the configuration says nothing of it
 */
export function settleAdmin(
  input: AdminInput | 'off' | false | undefined,
  isDefault: boolean,
  readFile: ReadFile,
): { readonly admin: AdminConfig | undefined; readonly problems: readonly Problem[] } {
  // YAML 1.1 reads off as false, and YAML 1.2 as a text.
  if (input === false || input === 'off' || (input === undefined && !isDefault))
    return { admin: undefined, problems: [] };
  const problems: Problem[] = [];
  const { token, tokenFile, hosts } = input ?? { hosts: [] };
  const listen = readListenAddress(input?.listen ?? defaultAdminListen);
  if (!listen) return { admin: undefined, problems };
  if (token !== undefined && tokenFile !== undefined)
    problems.push({ path: at('tokenFile'), text: 'there is a "token" too, expected one of them' });
  const secret = tokenFile === undefined ? token : readToken(tokenFile, readFile, problems);
  if (secret !== undefined && !isToken(secret)) {
    const place = at(tokenFile === undefined ? 'token' : 'tokenFile');
    problems.push({ path: place, text: 'expected at least 16 printable characters without spaces' });
  }
  if (token === undefined && tokenFile === undefined && !isPrivate(listen)) {
    const text = 'others than this machine can connect there, expected a "token" or a "tokenFile" beside it';
    problems.push({ path: at('listen'), text });
  }
  const held = secret === undefined ? undefined : new Secret(secret);
  return { admin: { listen, token: held, hosts }, problems };
}

/** Long enough that it cannot be guessed by trying, and fit for a header. */
function isToken(text: string): boolean {
  return /^[\x21-\x7e]{16,}$/.test(text);
}

/** Where only who is on this machine can connect. */
function isPrivate(address: ListenAddress): boolean {
  return address.kind === 'unix' || isLoopback(address.host);
}

function at(key: string): Path {
  return ['admin', key];
}

function readToken(file: string, readFile: ReadFile, problems: Problem[]): string | undefined {
  try {
    return readFile(file).text.replace(/\r?\n$/, '');
  } catch (error) {
    problems.push({ path: at('tokenFile'), text: `cannot read "${file}": ${messageOf(error)}` });
    return undefined;
  }
}
