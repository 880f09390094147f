import { z } from 'zod';
import { parseNetwork } from '../net/network.ts';
import { logLevels } from '../telemetry/log.ts';
import { tlsVersions } from '../net/tls.ts';
import { readMapSource, readMapTarget, sourceKey } from './address-map.ts';
import { readEndpoint, readListenAddress } from './listen.ts';

// The largest delay of a timer: 2^31 - 1 ms; above it setTimeout fires at once
// (https://nodejs.org/docs/latest-v20.x/api/timers.html#settimeoutcallback-delay-args).
const longestMs = 2_147_483_647;

/** Every leaf's error is what was expected there; `problems.ts` makes the sentence around it. */
function whole(least: number, most: number): z.ZodNumber {
  const error = `a whole number from ${String(least)} to ${String(most)}`;
  return z.number({ error }).int({ error }).min(least, { error }).max(most, { error });
}

function milliseconds(least: number): z.ZodNumber {
  const error = `milliseconds, a whole number from ${String(least)}`;
  return z.number({ error }).int({ error }).min(least, { error }).max(longestMs, { error });
}

function choice<const T extends readonly [string, ...string[]]>(
  ...values: T
): z.ZodEnum<z.core.util.ToEnum<T[number]>> {
  return z.enum(values, { error: oneOf(values) });
}

function oneOf(values: readonly string[]): string {
  return `one of ${values.map((value) => `"${value}"`).join(', ')}`;
}

const mapping = { error: 'a mapping of keys to values' };
const truth = { error: 'true or false' };

const endpointWanted = { error: '"host:port" or "[v6]:port"' };
const endpoint = z.string(endpointWanted).refine((text) => readEndpoint(text) !== undefined, endpointWanted);

const listenWanted = { error: '"host:port", a port, or "unix:/path"' };
const listenAddress = z
  .union([z.string(), z.number()], listenWanted)
  .refine((value) => readListenAddress(value) !== undefined, listenWanted);
const listenListWanted = { error: 'a listen address, or a list of at least one' };
const networkWanted = {
  error: 'a network such as "10.0.0.0/8" or "fd00::/8" with no bits set beyond its prefix, or an address',
};
const network = z.string(networkWanted).refine((text) => parseNetwork(text) !== undefined, networkWanted);
const allowWanted = { error: 'a list of at least one network' };
const modeWanted = { error: 'permissions in octal as a text, such as "0660"' };
const ownerWanted = { error: '"user", "user:group" or ":group", by name or number' };
const fileWanted = { error: 'the path of a file' };
const textWanted = { error: 'text of at least one character; in quotes, if it looks like a number' };

function file(description: string): z.ZodOptional<z.ZodString> {
  return z.string(fileWanted).min(1, fileWanted).optional().meta({ description });
}

const clientTls = z.strictObject(
  {
    ca: file(
      'The CA certificates to trust, a PEM file. Without it those that Node brings. A self-signed certificate may stand here itself.',
    ),
    cert: file('The certificate to show to a server that asks for one, a PEM file.'),
    key: file('Its private key, a PEM file, not encrypted.'),
    servername: z.string(textWanted).min(1, textWanted).optional().meta({
      description:
        'The name that the certificate of the server has to be for. Without it, the host that is connected to, be it a name or an IP address.',
    }),
    minVersion: choice(...tlsVersions)
      .default('TLSv1.2')
      .meta({ description: 'The oldest version of TLS to speak.' }),
  },
  mapping,
);

const namesWanted = { error: 'a list of at least one name, such as "app.example" or "*.example"' };

const serverTls = z.strictObject(
  {
    cert: z.string(fileWanted).min(1, fileWanted).meta({
      description: 'The certificate of this listener, with those that lead to its CA after it; a PEM file.',
    }),
    key: z
      .string(fileWanted)
      .min(1, fileWanted)
      .meta({ description: 'Its private key, a PEM file, not encrypted.' }),
    clientCa: file(
      'Whoever connects has to show a certificate of these CAs, a PEM file. Without it nobody has to show one.',
    ),
    allowNames: z
      .array(z.string(namesWanted).min(1, namesWanted), namesWanted)
      .min(1, namesWanted)
      .optional()
      .meta({
        description:
          'Of these names the certificate of a client has to have one, as its common name, DNS name or URI; `*.` stands for one label. Without it every certificate of `clientCa` will do.',
      }),
    minVersion: choice(...tlsVersions)
      .default('TLSv1.2')
      .meta({ description: 'The oldest version of TLS to speak.' }),
  },
  mapping,
);

const listener = z
  .strictObject(
    {
      address: listenAddress.meta({
        description: 'Where it listens, in a listener written as an object.',
      }),
      allow: z.array(network, allowWanted).min(1, allowWanted).optional().meta({
        description:
          'The networks whose clients may connect, such as `"10.0.0.0/8"`, `"fd00::/8"` or one address; others are refused. Every client unless given.',
      }),
      mode: z
        .string(modeWanted)
        .regex(/^0?[0-7]{3}$/, modeWanted)
        .optional()
        .meta({
          description:
            'Permissions of the file of a unix socket, in octal, as `"0660"`: who may write to it may connect. As the umask has it unless given.',
        }),
      tls: serverTls
        .optional()
        .meta({ description: 'Clients speak TLS here. It takes the engine `streams`.' }),
      owner: z
        .string(ownerWanted)
        .regex(/^(?=.)([\w.-]+\$?)?(:[\w.-]+\$?)?$/, ownerWanted)
        .optional()
        .meta({
          description:
            'Owner of the file of a unix socket: `"user"`, `"user:group"` or `":group"`, by name or number. Whoever runs the tunnel unless given.',
        }),
    },
    listenWanted,
  )
  .superRefine(assertFitting);

/** What a listener may say besides its address hangs on the kind of that. */
function assertFitting(
  listener: {
    readonly address: unknown;
    readonly allow?: unknown;
    readonly mode?: unknown;
    readonly owner?: unknown;
  },
  context: z.RefinementCtx,
): void {
  const kind = readListenAddress(listener.address)?.kind;
  const misfits = kind === 'unix' ? (['allow'] as const) : (['mode', 'owner'] as const);
  for (const key of misfits) {
    if (kind === undefined || listener[key] === undefined) continue;
    const message =
      kind === 'unix'
        ? 'no "allow" for a unix socket, which has "mode" and "owner"'
        : `a unix socket for "${key}"`;
    context.addIssue({ code: 'custom', path: [key], message });
  }
}

const listeners = z.union([listenAddress, listener], listenWanted);

/** Who we are to one kind of server: the same keys for Sentinels and for Redis, and never one for the other. */
const credentials = {
  username: z
    .string(textWanted)
    .min(1, textWanted)
    .optional()
    .meta({ description: 'The ACL user to log in as. Without it, the user `default`.' }),
  password: z.string(textWanted).min(1, textWanted).optional().meta({
    description: 'The password. Better a `passwordFile`, or `"${NAME}"` from the environment.',
    writeOnly: true,
  }),
  passwordFile: file('A file that holds the password instead. One newline at its end is left out.'),
};

const tls = z
  .union([z.boolean(), clientTls], { error: 'true, false, or a mapping of keys to values' })
  .optional()
  .meta({ description: 'Whether to speak TLS, and how: `true`, or a mapping.' });

const redis = z.strictObject({ ...credentials, tls }, mapping);

const nameWanted = { error: 'the name of a master in Sentinel, as printable text' };

const database = z.strictObject(
  {
    name: z
      .string(nameWanted)
      .regex(/^[^\p{Cc}\s](?:[^\p{Cc}]*[^\p{Cc}\s])?$/u, nameWanted)
      .meta({
        description:
          'The name of the master in Sentinel (`sentinel monitor NAME`). For Redis Enterprise the database name, for example `db1@internal`.',
      }),
    listen: z
      .union([listenAddress, listener, z.array(listeners).min(1, listenListWanted)], listenListWanted)
      .meta({
        description:
          'Where clients connect: `"host:port"`, a bare port (on 127.0.0.1), `"unix:/path"`, an object with the keys below, or a list of these. Port 0 lets the kernel choose.',
      }),
    failover: choice('promoted', 'announced').default('promoted').meta({
      description:
        '`promoted`: cut and hold at the first word of a failover, and serve the new master once it says that it is one. `announced`: wait for the answer of Sentinel.',
    }),
    onSentinelLoss: choice('serve', 'refuse').default('serve').meta({
      description: 'While fewer than a majority of the known Sentinels answer: go on serving, or refuse.',
    }),
    holdMs: milliseconds(1).default(10_000).meta({
      description:
        'How long a connection may wait for a master and for the connection to it, together, in milliseconds. Then it is refused.',
    }),
    holdMax: whole(0, 1_000_000).default(1024).meta({
      description:
        'How many connections may wait at once. One more is refused; with 0, every one that would have to wait.',
    }),
    dialMs: milliseconds(1)
      .default(1500)
      .meta({ description: 'Deadline of one try to connect to the master, in milliseconds.' }),
    redis: redis
      .optional()
      .meta({ description: 'The same as `redis` at the top, for the servers of this master alone.' }),
    maxConnections: whole(1, 1_000_000)
      .default(10_000)
      .meta({ description: 'Connections at once, waiting ones included. One more is refused.' }),
    idleMs: milliseconds(0).default(0).meta({
      description:
        'A connection on which no byte has moved for so long is closed, in milliseconds; it may take half as long again. 0: never.',
    }),
  },
  mapping,
);

const adminWanted = { error: 'false, or a mapping of keys to values' };
const tokenWanted = { error: 'a text' };
const hostsWanted = { error: 'a list of host names without ports' };

const admin = z.strictObject(
  {
    listen: listenAddress.optional().meta({
      description:
        'Where probes, metrics and operators connect: like `databases[].listen`, one address. `127.0.0.1:9121` unless set. Other addresses than those of loopback and unix sockets need a token.',
    }),
    token: z.string(tokenWanted).optional().meta({
      description:
        'Who sends it as `Authorization: Bearer TOKEN` may see everything and act; at least 16 characters. Without one everybody who can connect may see, and nobody may act.',
    }),
    tokenFile: z
      .string({ error: 'a path' })
      .min(1, { error: 'a path' })
      .optional()
      .meta({ description: 'A file with the token on its only line, instead of `token`.' }),
    hosts: z
      .array(z.string(hostsWanted).regex(/^[\w.-]+$/, hostsWanted), hostsWanted)
      .default([])
      .meta({
        description:
          'Names under which it is reached, besides `localhost` and the address it listens on: a browser that comes under another name is turned away.',
      }),
  },
  adminWanted,
);

const mapWanted = { error: 'a mapping of announced addresses to addresses' };
const targetWanted = { error: '"host:port" or "host" to connect to' };
const mapTarget = z.string(targetWanted).refine((text) => readMapTarget(text) !== undefined, targetWanted);

function assertSources(map: Readonly<Record<string, string>>, context: z.RefinementCtx): void {
  const seen = new Map<string, string>();
  for (const key of Object.keys(map)) {
    const from = readMapSource(key);
    if (!from) {
      const message = 'a key that is "host:port", "host" or a network such as "172.18.0.0/16"';
      context.addIssue({ code: 'custom', path: [key], message });
      continue;
    }
    const same = seen.get(sourceKey(from));
    if (same !== undefined)
      context.addIssue({
        code: 'custom',
        path: [key],
        message: `no other key for what "${same}" says already`,
      });
    seen.set(sourceKey(from), key);
  }
}

const sentinelsWanted = { error: 'a list of at least one "host:port"' };
const databasesWanted = { error: 'a list of at least one database' };

/** The configuration as it is written. What each key means stands here and nowhere else. */
export const configSchema = z
  .strictObject(
    {
      sentinels: z.array(endpoint, sentinelsWanted).min(1, sentinelsWanted).meta({
        description: 'The Sentinels to ask, in order of preference: `"host:port"`, `"[v6]:port"`.',
      }),
      sentinel: z
        .strictObject(
          {
            ...credentials,
            tls,
            discover: z
              .boolean(truth)
              .default(true)
              .meta({ description: 'Also use the Sentinels that the configured ones name.' }),
            replyMs: milliseconds(1)
              .default(1000)
              .meta({ description: 'Deadline of every reply of a Sentinel, in milliseconds.' }),
            pollMs: milliseconds(10).default(1000).meta({
              description:
                'How often every Sentinel is asked, in milliseconds, whatever it announces in between.',
            }),
          },
          mapping,
        )
        .prefault({})
        .meta({ description: 'How to speak to Sentinels.' }),
      redis: redis.prefault({}).meta({
        description:
          'How to speak to Redis. User and password are for asking a server for its ROLE, and never used for a connection of a client; TLS is for those too.',
      }),
      databases: z
        .array(database, databasesWanted)
        .min(1, databasesWanted)
        .meta({ description: 'The masters to lead to, and where to listen for each.' }),
      addressMap: z.record(z.string(), mapTarget, mapWanted).superRefine(assertSources).default({}).meta({
        description:
          'Where to connect to servers that are announced under addresses which cannot be reached from here (NAT, containers): from `"host:port"`, `"host"` or a network (`"172.18.0.0/16"`) to `"host:port"` or `"host"`. The most specific key counts.',
      }),
      admin: z
        .union([z.literal(false), admin], adminWanted)
        .optional()
        .meta({
          description:
            'The listener for probes, metrics and operators: `false`, or an object with the keys below. There is one with `sentinel-tunnel run` unless it says `false`, and none with the call of the original unless it is configured.',
        }),
      engine: choice('auto', 'epoll', 'streams').default('auto').meta({
        description: 'What carries the bytes. `auto` takes the fastest that works here and says so.',
      }),
      threads: whole(1, 256).default(1).meta({ description: 'Worker threads of the epoll engine.' }),
      maxConnections: whole(1, 1_000_000).default(1_000_000).meta({
        description: 'Connections at once, of all databases together. One more is refused.',
      }),
      drainMs: milliseconds(0).default(10_000).meta({
        description:
          'How long sessions may go on after a stop was asked for, in milliseconds. 0 cuts at once.',
      }),
      log: z
        .strictObject(
          {
            level: choice(...logLevels)
              .default('info')
              .meta({ description: 'The least important events to log.' }),
            format: choice('auto', 'json', 'pretty')
              .default('auto')
              .meta({ description: '`auto`: sentences on a terminal, JSON lines otherwise.' }),
            file: z
              .string({ error: 'a path, or "-" for standard output' })
              .min(1, { error: 'a path, or "-" for standard output' })
              .default('-')
              .meta({ description: 'A path to append to, or `-` for standard output.' }),
          },
          mapping,
        )
        .prefault({})
        .meta({ description: 'The log.' }),
    },
    mapping,
  )
  .meta({ title: 'Configuration of Sentinel Tunnel' });

export type ConfigInput = z.output<typeof configSchema>;
export type ListenerInput = z.output<typeof listeners>;

/** The keys that may stand at each place, for hints: the path of a mapping, with `[]` for any index. */
export const keysAt: Readonly<Record<string, readonly string[]>> = {
  '': Object.keys(configSchema.shape),
  sentinel: Object.keys(configSchema.shape.sentinel.unwrap().shape),
  redis: Object.keys(redis.shape),
  'databases[]': Object.keys(database.shape),
  'databases[].listen': Object.keys(listener.shape),
  'databases[].listen[]': Object.keys(listener.shape),
  admin: Object.keys(admin.shape),
  'sentinel.tls': Object.keys(clientTls.shape),
  'redis.tls': Object.keys(clientTls.shape),
  'databases[].redis.tls': Object.keys(clientTls.shape),
  'databases[].listen.tls': Object.keys(serverTls.shape),
  'databases[].listen[].tls': Object.keys(serverTls.shape),
  'databases[].redis': Object.keys(redis.shape),
  log: Object.keys(configSchema.shape.log.unwrap().shape),
};
