import { z } from 'zod';
import { tlsVersions } from '../net/tls.ts';
import { choice, file, mapping, textWanted, whole } from './schema-leaves.ts';

export const clientTls = z.strictObject(
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
