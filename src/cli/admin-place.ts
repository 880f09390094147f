import { readFile } from 'node:fs/promises';
import type { expand } from '../config/text.ts';
import { readListenAddress } from '../config/addresses.ts';
import { show } from '../config/problems.ts';
import { readSmallFile, whyUnreadable } from '../config/files.ts';
import { messageOf, TunnelError } from '../errors.ts';
import { formatListenAddress, type ListenAddress } from '../net/endpoint.ts';
import { defaultAdminPort } from '../net/admin-address.ts';
import { Secret } from '../net/secret.ts';
import type { AdminPlace } from './admin-client.ts';
import { findAdmin } from './find-admin.ts';
import type { Host } from './host.ts';

/** What says where the tunnel is that is asked. */
export interface AdminFlags {
  readonly config?: string;
  readonly admin?: string;
  readonly tokenFile?: string;
}

type Env = Host['env'];

const tokenVariable = 'SENTINEL_TUNNEL_ADMIN_TOKEN';

/** Where one connects to what listens everywhere. */
const dialled: Readonly<Record<string, string>> = { '0.0.0.0': '127.0.0.1', '::': '::1' };

/**
 * Where the admin listener is: flags before environment, environment before the configuration file, and of that nothing is
 * read but `admin`. A token of the file goes where the file says, or where `--config` was said beside `--admin`.
 *
 * @param wantsToken `false` for what everybody may ask: no file of a token is read then
 * @throws TunnelError `ST_USAGE`, `ST_CONFIG_UNREADABLE`, `ST_CONFIG_INVALID`
 */
export async function adminPlaceOf(flags: AdminFlags, env: Env, wantsToken = true): Promise<AdminPlace> {
  const said = flags.admin ?? given(env, 'SENTINEL_TUNNEL_ADMIN');
  const from = flags.admin === undefined ? 'SENTINEL_TUNNEL_ADMIN' : '--admin';
  const token = wantsToken ? tokenOf(flags, env) : undefined;
  const file = said === undefined ? (flags.config ?? given(env, 'SENTINEL_TUNNEL_CONFIG')) : flags.config;
  const isOfUse = said === undefined || (wantsToken && token === undefined);
  const written = file !== undefined && isOfUse ? await readAdmin(file, env) : undefined;
  const address =
    said !== undefined
      ? addressFrom(said, from)
      : written?.listen === undefined
        ? await findAdmin()
        : addressFrom(written.listen, `"admin.listen" of ${show(file)}`);
  return { address: reachable(address), token: token ?? (wantsToken ? written?.token() : undefined) };
}

function addressFrom(said: unknown, from: string): ListenAddress {
  if (said === 'off' || said === false) {
    throw new TunnelError('ST_USAGE', `Nobody to ask: the admin listener is turned off by ${from}`);
  }
  const address = readListenAddress(said);
  if (!address) {
    throw new TunnelError('ST_USAGE', `${from}: expected HOST:PORT or unix:/PATH, got ${show(said)}`);
  }
  if (address.kind === 'tcp' && address.port === 0) {
    throw new TunnelError(
      'ST_USAGE',
      `${from}: port 0 is chosen by the kernel, give --admin ${formatListenAddress({ ...address, port: defaultAdminPort })} with the real one`,
    );
  }
  return address;
}

/** The address at which to reach a listener on this address: loopback, where it listens everywhere. */
export function reachable(address: ListenAddress): ListenAddress {
  return address.kind === 'unix' ? address : { ...address, host: dialled[address.host] ?? address.host };
}

function tokenOf({ tokenFile }: AdminFlags, env: Env): Secret | undefined {
  if (tokenFile !== undefined) return fit(readToken(tokenFile, '--token-file'), '--token-file');
  const token = given(env, tokenVariable);
  return token === undefined ? undefined : fit(token, tokenVariable);
}

function readToken(file: string, from: string): string {
  try {
    return readSmallFile(file).text.replace(/\r?\n$/, '');
  } catch (cause) {
    throw new TunnelError('ST_USAGE', `${from}: cannot read ${show(file)}: ${messageOf(cause)}`, { cause });
  }
}

/** A header can carry nothing else; a token itself is shown nowhere. */
function fit(token: string, from: string): Secret {
  if (/^[\x21-\x7e]+$/.test(token)) return new Secret(token);
  throw new TunnelError('ST_USAGE', `${from}: expected a token of printable characters without spaces`);
}

interface WrittenAdmin {
  readonly listen: unknown;
  /** Reads it only where it is of use. */
  token(): Secret | undefined;
}

/** What a configuration file says of the admin listener. The rest of it may be for others to read. */
async function readAdmin(file: string, env: Env): Promise<WrittenAdmin> {
  let text: string;
  try {
    text = await readFile(file, 'utf8');
  } catch (cause) {
    const why = whyUnreadable(cause);
    throw new TunnelError('ST_CONFIG_UNREADABLE', `Cannot read configuration ${show(file)}: ${why}`, {
      cause,
    });
  }
  // The parser of YAML is large, and is loaded where it is needed.
  const parsed = parseJson(text) ?? (await import('../config/text.ts')).parseText(text, file);
  const admin = typeof parsed === 'object' && parsed !== null && 'admin' in parsed ? parsed.admin : undefined;
  if (admin === false || admin === 'off') return { listen: false, token: () => undefined };
  if (typeof admin !== 'object' || admin === null) return { listen: undefined, token: () => undefined };
  const { input, problems } = await expanded(admin, env);
  const { listen, token, tokenFile } = input as Readonly<Record<string, unknown>>;
  return {
    listen,
    token: () => {
      const [problem] = problems.filter(({ path }) => path[0] === 'token' || path[0] === 'tokenFile');
      if (problem) {
        throw new TunnelError(
          'ST_CONFIG_INVALID',
          `${file}: admin.${String(problem.path[0])}: ${problem.text}`,
        );
      }
      if (typeof tokenFile === 'string') {
        return fit(readToken(tokenFile, `"admin.tokenFile" of ${show(file)}`), 'admin.tokenFile');
      }
      return typeof token === 'string' ? fit(token, 'admin.token') : undefined;
    },
  };
}

/** With the values of variables in it; what has none is there at once. */
async function expanded(admin: object, env: Env): Promise<ReturnType<typeof expand>> {
  if (!JSON.stringify(admin).includes('${')) return { input: admin, problems: [] };
  return (await import('../config/text.ts')).expand(admin, env);
}

function parseJson(text: string): unknown {
  if (!/^\s*\{/.test(text)) return undefined;
  try {
    return JSON.parse(text);
  } catch {
    return undefined; // YAML has braces too, and a better message for what is neither
  }
}

/** A variable that is set to nothing is not set: that is how Compose files and unit files leave one out. */
function given(env: Env, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value === '' ? undefined : value;
}
