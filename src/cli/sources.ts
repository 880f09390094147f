import type { Config } from '../config/types.ts';
import { type Overlay, parseConfig } from '../config/parse.ts';
import { show } from '../config/problems.ts';
import { readConfig } from '../config/read.ts';
import { TunnelError } from '../errors.ts';
import type { Host } from './host.ts';

type Env = Host['env'];

/** What was given on the command line. */
export interface Flags {
  readonly config?: string;
  readonly sentinel?: readonly string[];
  readonly database?: readonly string[];
  readonly logLevel?: string;
  readonly logFormat?: string;
  readonly admin?: string;
}

/** The configuration file of a command, where it has one. */
export function fileOf(flags: Flags, env: Env): string | undefined {
  return flags.config ?? given(env, 'SENTINEL_TUNNEL_CONFIG');
}

/** The configuration of a command: flags win over environment, environment over file, file over defaults. */
export async function configOf(flags: Flags, env: Env): Promise<Config> {
  const file = fileOf(flags, env);
  const overlay = { ...overlayOf(flags, env), hasAdmin: true };
  if (file !== undefined) return await readConfig(file, overlay);
  const missing = [
    ...(overlay.sentinels ? [] : ['--sentinel HOST:PORT']),
    ...(overlay.databases ? [] : ['--database NAME=LISTEN']),
  ];
  if (missing.length > 0) {
    throw new TunnelError('ST_USAGE', `Nothing to run: give --config FILE, or ${missing.join(' and ')}`);
  }
  return parseConfig({}, 'the command line', overlay);
}

/** The configuration of the original's call, `CONFIG LOG`. */
export async function configOfOriginalCall(file: string, log: string, env: Env): Promise<Config> {
  return await readConfig(file, { ...overlayOf({}, env, { value: log, from: 'LOG' }) });
}

function overlayOf(flags: Flags, env: Env, logFile?: { value: string; from: string }): Overlay {
  const sentinels = listFrom(flags.sentinel, '--sentinel', env, 'SENTINEL_TUNNEL_SENTINELS');
  const databases = listFrom(flags.database, '--database', env, 'SENTINEL_TUNNEL_DATABASES');
  const variable = given(env, 'SENTINEL_TUNNEL_LOG_LEVEL');
  const admin = adminFrom(flags.admin, '--admin') ?? adminFrom(given(env, adminVariable), adminVariable);
  return {
    env,
    ...(sentinels && { sentinels }),
    ...(databases && {
      databases: {
        from: databases.from,
        values: databases.values.map((text) => readDatabase(text, databases.from)),
      },
    }),
    ...(admin && { admin }),
    log: {
      ...(variable !== undefined && { level: { value: variable, from: 'SENTINEL_TUNNEL_LOG_LEVEL' } }),
      ...(flags.logLevel !== undefined && { level: { value: flags.logLevel, from: '--log-level' } }),
      ...(flags.logFormat !== undefined && { format: { value: flags.logFormat, from: '--log-format' } }),
      ...(logFile && { file: logFile }),
    },
  };
}

const adminVariable = 'SENTINEL_TUNNEL_ADMIN';

function adminFrom(text: string | undefined, from: string): Overlay['admin'] {
  return text === undefined ? undefined : { value: text === 'off' ? false : text, from };
}

/** A flag that may be repeated, or else a variable with commas. */
function listFrom(
  flag: readonly string[] | undefined,
  flagName: string,
  env: Env,
  variableName: string,
): { readonly values: readonly string[]; readonly from: string } | undefined {
  if (flag !== undefined) return { values: flag, from: flagName };
  const variable = given(env, variableName);
  if (variable === undefined) return undefined;
  return { values: variable.split(',').map((text) => text.trim()), from: variableName };
}

/** A variable that is set to nothing is not set: that is how Compose files and unit files leave one out. */
function given(env: Env, name: string): string | undefined {
  const value = env[name];
  return value === undefined || value === '' ? undefined : value;
}

function readDatabase(text: string, from: string): { name: string; listen: string } {
  const cut = text.indexOf('=');
  if (cut < 1) throw new TunnelError('ST_USAGE', `${from}: expected NAME=LISTEN, got ${show(text)}`);
  return { name: text.slice(0, cut), listen: text.slice(cut + 1) };
}
