import { z } from 'zod';
import { parseNetwork } from '../net/network.ts';
import { tlsVersions } from '../net/tls.ts';
import { readEndpoint, readListenAddress } from './addresses.ts';
import { clientLimits } from './types.ts';

// The largest delay of a timer: 2^31 - 1 ms; above it setTimeout fires at once
// (https://nodejs.org/docs/latest-v20.x/api/timers.html#settimeoutcallback-delay-args).
const longestMs = 2_147_483_647;

/** Every error of the schema is what was expected there; `expected` in `problems.ts` makes the sentence around it. */
export function whole(least: number, most: number): z.ZodNumber {
  const error = `a whole number from ${String(least)} to ${String(most)}`;
  return z.number({ error }).int({ error }).min(least, { error }).max(most, { error });
}

export function milliseconds(least: number): z.ZodNumber {
  const error = `milliseconds, a whole number from ${String(least)}`;
  return z.number({ error }).int({ error }).min(least, { error }).max(longestMs, { error });
}

export function choice<const T extends readonly [string, ...string[]]>(
  ...values: T
): z.ZodEnum<z.core.util.ToEnum<T[number]>> {
  return z.enum(values, { error: oneOf(values) });
}

function oneOf(values: readonly string[]): string {
  return `one of ${values.map((value) => `"${value}"`).join(', ')}`;
}

export const mapping = { error: 'a mapping of keys to values' };
export const truth = { error: 'true or false' };

const endpointWanted = { error: '"host:port" or "[v6]:port"' };
export const endpoint = z
  .string(endpointWanted)
  .refine((text) => readEndpoint(text) !== undefined, endpointWanted);

const fileWanted = { error: 'the path of a file' };
const textWanted = { error: 'text of at least one character; in quotes, if it looks like a number' };

function file(description: string): z.ZodOptional<z.ZodString> {
  return z.string(fileWanted).min(1, fileWanted).optional().meta({ description });
}

type Limits = { [K in keyof typeof clientLimits]: z.ZodDefault<z.ZodNumber> };

/** A key for each of `clientLimits`. */
export const limits = Object.fromEntries(
  Object.entries(clientLimits).map(([key, { least, standard, description }]) => [
    key,
    (key.endsWith('Ms') ? milliseconds(least) : whole(least, 1_000_000))
      .default(standard)
      .meta({ description }),
  ]),
) as Limits;

export const clientTls = z.strictObject(
  {
    ca: file(
      'The CA certificates to trust, a PEM file. Without it those that Node brings. A self-signed certificate may be its own CA.',
    ),
    cert: file('The certificate to show to a server that asks for one, a PEM file.'),
    key: file('Its private key, a PEM file, not encrypted.'),
    servername: z.string(textWanted).min(1, textWanted).optional().meta({
      description:
        'The name that the certificate of the server has to be for. Without it, the host that is connected to, whether a name or an IP address.',
    }),
    minVersion: choice(...tlsVersions)
      .default('TLSv1.2')
      .meta({ description: 'The oldest version of TLS to speak.' }),
  },
  mapping,
);

/** Who we are to one kind of server: the same keys for Sentinels and for Redis, and never one for the other. */
export const credentials = {
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

export const tls = z
  .union([z.boolean(), clientTls], { error: 'true, false, or a mapping of keys to values' })
  .optional()
  .meta({ description: 'Whether to speak TLS, and how: `true`, or a mapping.' });

export const redis = z.strictObject(
  {
    ...credentials,
    tls,
    port: whole(1, 65_535).optional().meta({
      description:
        'The port of every server, whatever port Sentinel announces: for TLS beside plain. A port in `addressMap` counts for more.',
    }),
  },
  mapping,
);

const listenWanted = { error: '"host:port", a port, or "unix:/path"' };
export const listenAddress = z
  .union([z.string(), z.number()], listenWanted)
  .refine((value) => readListenAddress(value) !== undefined, listenWanted);
export const listenListWanted = { error: 'a listen address, or a list of at least one' };
const networkWanted = {
  error: 'a network such as "10.0.0.0/8" or "fd00::/8" with no bits set beyond its prefix, or an address',
};
const network = z.string(networkWanted).refine((text) => parseNetwork(text) !== undefined, networkWanted);
const allowWanted = { error: 'a list of at least one network' };
const modeWanted = { error: 'permissions in octal as a text, such as "0660"' };
const ownerWanted = { error: '"user", "user:group" or ":group", by name or number' };
const namesWanted = { error: 'a list of at least one name, such as "app.example" or "*.example"' };

export const serverTls = z.strictObject(
  {
    cert: z.string(fileWanted).min(1, fileWanted).meta({
      description: 'The certificate of this listener, with those that lead to its CA after it; a PEM file.',
    }),
    key: z
      .string(fileWanted)
      .min(1, fileWanted)
      .meta({ description: 'Its private key, a PEM file, not encrypted.' }),
    clientCa: file(
      'The CAs of client certificates, a PEM file: every client must show one of them. Without it no client has to show a certificate.',
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

export const listener = z
  .strictObject(
    {
      address: listenAddress.meta({
        description: 'Where it listens, in a listener written as an object.',
      }),
      allow: z.array(network, allowWanted).min(1, allowWanted).optional().meta({
        description:
          'The networks whose clients may connect, such as `"10.0.0.0/8"`, `"fd00::/8"` or one address; others are refused. Every client unless given.',
      }),
      allowReplication: z.boolean(truth).default(false).meta({
        description:
          'Lets replicas and other programs that ask for the replication stream through (`REPLCONF`, `PSYNC`, `SYNC`). Sentinel then lists a wrong address as a replica, and may turn whatever listens there into one.',
      }),
      mode: z
        .string(modeWanted)
        .regex(/^0?[0-7]{3}$/, modeWanted)
        .optional()
        .meta({
          description:
            'Permissions of the file of a unix socket, in octal, as `"0660"`: who may write to it may connect. By the umask unless given.',
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
            'Owner of the file of a unix socket: `"user"`, `"user:group"` or `":group"`, by name or number. The user of the tunnel unless given.',
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

export const listeners = z.union([listenAddress, listener], listenWanted);
