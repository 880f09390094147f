import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { parseConfig } from '../config/parse.ts';
import { show } from '../config/problems.ts';
import { parseText } from '../config/text.ts';
import { TunnelError } from '../errors.ts';
import { defaultAdminPort } from '../net/admin-address.ts';
import { formatEndpoint } from '../net/endpoint.ts';
import { printable } from '../printable.ts';
import { takeInventory } from '../sentinel/members/inventory.ts';
import { survey, type DatabaseSurvey } from '../sentinel/members/survey.ts';
import { fileTrouble } from '../telemetry/file-trouble.ts';
import { diagnosisOf } from './doctor/diagnosis.ts';
import { exitCodes } from './exit-codes.ts';
import type { Host } from './host.ts';
import { configurationText, type Access, type Draft } from './init-text.ts';

export interface InitFlags {
  readonly sentinel?: readonly string[];
  readonly username?: string;
  readonly passwordFile?: string;
  readonly tls?: boolean;
  readonly tlsCa?: string;
  readonly output?: string;
  readonly force?: boolean;
}

/** The port of Redis; the databases take it and those above it. */
const firstPort = 6379;

/**
 * Asks Sentinels what they monitor, and writes a configuration of it.
 *
 * @returns the exit code: done when the configuration is written, whatever had to be warned of
 * @throws TunnelError where there is nothing to write, or no leave to
 */
export async function init(flags: InitFlags, host: Host): Promise<number> {
  if (!flags.sentinel) {
    throw new TunnelError('ST_USAGE', 'No Sentinel to ask: give --sentinel HOST:PORT, at least once');
  }
  const warn = (text: string): void => {
    host.stderr.write(`Warning: ${printable(text)}\n`);
  };
  const access = accessOf(flags);
  const given = parseConfig(
    { sentinels: flags.sentinel, sentinel: access, databases: [{ name: 'unknown yet', listen: 0 }] },
    'the command line',
  );
  const { masters, sentinels, silent } = await takeInventory(given.sentinels, given.sentinel);
  for (const { why } of silent) warn(why);
  if (sentinels.length === 0) {
    const isDenied = silent.some((each) => each.isDenied);
    throw new TunnelError(
      isDenied ? 'ST_SENTINEL_AUTH' : 'ST_SENTINEL_UNREACHABLE',
      isDenied
        ? 'Nothing to write: no Sentinel lets us ask SENTINEL MASTERS; give --password-file, and --username for an ACL user'
        : 'Nothing to write: no Sentinel answers',
    );
  }
  const names = masters.filter((name) => {
    const isUsable = !/\p{Cc}/u.test(name) && name.trim() === name && name !== '';
    if (!isUsable) warn(`${show(name)} is left out: not a printable name`);
    return isUsable;
  });
  if (names.length === 0) {
    throw new TunnelError(
      'ST_SENTINEL_UNREACHABLE',
      'Nothing to write: the Sentinels that answer monitor nothing',
    );
  }
  const ports = await freePorts(names.length, firstPort);
  const adminPort = (await isFree(defaultAdminPort)) ? undefined : await nextAdminPort(ports);
  if (adminPort !== undefined)
    warn(
      `the usual admin port ${String(defaultAdminPort)} is taken, as by redis_exporter: the admin listener is on 127.0.0.1:${String(adminPort)}`,
    );
  const draft: Draft = {
    sentinels,
    access,
    silent: silent.map(({ sentinel }) => sentinel),
    databases: names.map((name, index) => ({ name, port: ports[index] ?? 0 })),
    adminPort,
    schema: schemaFile(),
  };
  let { text, results } = await tried(draft);
  // Where Sentinels speak TLS, Redis usually does, and under the same CA.
  if (access.tls && results.some(({ trouble }) => trouble !== undefined)) {
    const secured = await tried({ ...draft, redis: { tls: access.tls } });
    if (troublesIn(secured.results) < troublesIn(results)) ({ text, results } = secured);
  }
  for (const { database, adopted, trouble } of results) {
    if (trouble !== undefined) warn(`${database.name} could not be served now: ${trouble}`);
    else if (adopted)
      host.stderr.write(`${printable(database.name)}: ${formatEndpoint(adopted.endpoint)} is its master\n`);
  }
  await write(text, flags, host);
  return exitCodes.done;
}

/** What would be written, and what is found with it. */
async function tried(draft: Draft): Promise<{ readonly text: string; readonly results: readonly Result[] }> {
  const text = configurationText(draft);
  // As `run` will read it, in an environment in which no name has a value: nothing of it may refer to one.
  const written = parseConfig(parseText(text, 'what was written'), 'what was written', { env: {} });
  const surveys = await survey(written);
  return { text, results: surveys.map((each) => ({ ...each, trouble: diagnosisOf(each)?.what })) };
}

type Result = DatabaseSurvey & { readonly trouble: string | undefined };

function troublesIn(results: readonly Result[]): number {
  return results.filter(({ trouble }) => trouble !== undefined).length;
}

/** What is written of how to speak to Sentinels. Files are found from anywhere, wherever this was called. */
function accessOf({ username, passwordFile, tls, tlsCa }: InitFlags): Access {
  return {
    ...(username !== undefined && { username }),
    ...(passwordFile !== undefined && { passwordFile: resolve(passwordFile) }),
    ...(tlsCa !== undefined ? { tls: { ca: resolve(tlsCa) } } : tls && { tls: true as const }),
  };
}

async function write(text: string, { output, force = false }: InitFlags, host: Host): Promise<void> {
  if (output === undefined || output === '-') {
    host.stdout.write(text);
    return;
  }
  try {
    await writeFile(output, text, { flag: force ? 'w' : 'wx' });
  } catch (cause) {
    const exists = cause instanceof Error && 'code' in cause && cause.code === 'EEXIST';
    const why = exists
      ? 'there is such a file already, and --force was not given'
      : fileTrouble(cause, 'its directory does not exist');
    throw new TunnelError('ST_USAGE', `Cannot write "${output}": ${why}`, { cause });
  }
  host.stderr.write(`Written: ${output}\n`);
}

async function nextAdminPort(others: readonly number[]): Promise<number | undefined> {
  const free = await freePorts(others.length + 1, defaultAdminPort + 1);
  return free.find((port) => !others.includes(port));
}

/** The schema that this version brings along. */
function schemaFile(): string | undefined {
  try {
    const { resolve: locate } = createRequire(import.meta.url);
    const file = join(
      dirname(locate('sentinel-tunnel/package.json')),
      'schema',
      'sentinel-tunnel.schema.json',
    );
    return existsSync(file) ? file : undefined;
  } catch {
    return undefined; // the program is one file, and no package
  }
}

/** So many ports of loopback that nobody listens on now, lowest first. */
async function freePorts(many: number, from: number): Promise<readonly number[]> {
  const free: number[] = [];
  for (let port = from; free.length < many && port <= 65_535; port += 1) {
    if (await isFree(port)) free.push(port);
  }
  return free;
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const server = createServer();
    server.once('error', () => {
      resolve(false);
    });
    server.listen({ port, host: '127.0.0.1', exclusive: true }, () => {
      server.close(() => {
        resolve(true);
      });
    });
  });
}
