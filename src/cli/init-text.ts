import { stringify } from 'yaml';
import { escapeReferences } from '../config/text.ts';
import { formatEndpoint, type Endpoint } from '../net/endpoint.ts';
import { isPrintable, printable, printableYaml } from '../printable.ts';

/** How to speak to Sentinels, as it is written. */
export interface Access {
  readonly username?: string;
  readonly passwordFile?: string;
  readonly tls?: true | { readonly ca: string };
}

/** What a configuration is written from. */
export interface Draft {
  readonly sentinels: readonly Endpoint[];
  readonly access: Access;
  /** How to speak to Redis, where that has been found out to be in TLS too. */
  readonly redis?: Pick<Access, 'tls'>;
  /** Sentinels that were named and do not answer. */
  readonly silent: readonly Endpoint[];
  readonly databases: readonly { readonly name: string; readonly port: number }[];
  /** Where the admin listener is to be, where that is another port than the usual one, which is taken. */
  readonly adminPort: number | undefined;
  /** The schema of this version, for editors; `undefined` where it is not installed as a file. */
  readonly schema: string | undefined;
}

/** A configuration with a comment for each key. */
export function configurationText(draft: Draft): string {
  const { sentinels, access, redis, silent, databases, adminPort, schema } = draft;
  return [
    ...(schema === undefined ? [] : [`# yaml-language-server: $schema=${printable(schema)}`, '#']),
    '# Written by "sentinel-tunnel init". Try it with "sentinel-tunnel check --config FILE", then',
    '# "sentinel-tunnel run --config FILE". docs/configuration.md has every key.',
    '',
    '# Who is asked where the masters are. More Sentinels are learnt from these; a few that are up at the start do.',
    'sentinels:',
    ...sentinels.map((endpoint) => `  - ${scalar(formatEndpoint(endpoint))}`),
    ...silent.map((endpoint) => `  # - ${scalar(formatEndpoint(endpoint))} # did not answer`),
    '',
    ...accessLines(access),
    ...(redis ? ['# How to speak to Redis, which wants TLS as well.', 'redis:', ...keyLines(redis), ''] : []),
    '# One entry for each master, named as in "sentinel monitor NAME".',
    'databases:',
    ...databases.flatMap(databaseLines),
    ...adminLines(adminPort),
    '# How long open connections may go on when the tunnel is stopped, in milliseconds.',
    '# drainMs: 10000',
    '',
    '# log:',
    '#   level: info # debug, info, warn, error',
    '#   file: /var/log/sentinel-tunnel.log # standard output unless set',
    '',
  ].join('\n');
}

/** Without a token, anyone who reaches the listener may look, and nobody may act. */
function adminLines(port: number | undefined): readonly string[] {
  const taken = [
    '# The usual port, 9121, was taken when this was written; redis_exporter has it too.',
    'admin:',
    `  listen: 127.0.0.1:${String(port)}`,
  ];
  const usual = ['# admin:', '#   listen: 127.0.0.1:9121'];
  return [
    '# Probes, metrics, the dashboard, and the commands "status", "top" and "events" are answered here. "hold", "release", "cut",',
    '# "failover" and "reload" change something, so they are obeyed only where a token is configured, and given one is. Make',
    '# one with: openssl rand -hex 24 > FILE',
    ...(port === undefined ? usual : taken),
    '#   tokenFile: /run/secrets/sentinel-tunnel-admin',
    '',
  ];
}

function accessLines(access: Access): string[] {
  if (Object.keys(access).length > 0)
    return ['# How to speak to them.', 'sentinel:', ...keyLines(access), ''];
  return [
    '# How to speak to them, where they want a password or TLS.',
    '# sentinel:',
    '#   username: watcher',
    '#   passwordFile: /run/secrets/sentinel',
    '#   tls: true',
    '',
  ];
}

function keyLines({ username, passwordFile, tls }: Access): string[] {
  return [
    ...(username === undefined ? [] : [`  username: ${scalar(username)}`]),
    ...(passwordFile === undefined ? [] : [`  passwordFile: ${scalar(passwordFile)}`]),
    ...(tls === undefined ? [] : tls === true ? ['  tls: true'] : ['  tls:', `    ca: ${scalar(tls.ca)}`]),
  ];
}

function databaseLines({ name, port }: Draft['databases'][number], index: number): string[] {
  const explained = [
    '    # Also a list, and "unix:/path". Only this machine can connect to 127.0.0.1.',
    `    listen: 127.0.0.1:${String(port)}`,
    '    # "announced": wait for the word of Sentinel, rather than take that of the new master. Later, and surer.',
    '    # failover: promoted',
    '    # "refuse": rather not write than write to a master that most Sentinels have lost.',
    '    # onSentinelLoss: serve',
    '    # How long a connection may wait for a master, in milliseconds.',
    '    # holdMs: 10000',
  ];
  // What is said of the first need not be said of each.
  const lines = index === 0 ? explained : explained.filter((line) => line.startsWith('    listen:'));
  return [`  - name: ${scalar(name)}`, ...lines, ''];
}

/**
 * As it reads back to the same text: quoted where YAML would take it for something else or it cannot be printed, and with
 * nothing in it that is expanded.
 */
function scalar(text: string): string {
  const literal = escapeReferences(text);
  if (!isPrintable(literal)) return printableYaml(literal);
  return stringify(literal, { lineWidth: 0, defaultStringType: 'PLAIN' }).trimEnd();
}
