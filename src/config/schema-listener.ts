import { z } from 'zod';
import { parseNetwork } from '../net/network.ts';
import { tlsVersions } from '../net/tls.ts';
import { readListenAddress } from './listen.ts';
import { choice, file, fileWanted, mapping, truth } from './schema-leaves.ts';

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

export const listeners = z.union([listenAddress, listener], listenWanted);
